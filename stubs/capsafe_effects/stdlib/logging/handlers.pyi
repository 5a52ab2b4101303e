# A handler does nothing before a record comes, but making one says where records will go; so making it is charged. Its
# methods open again what they need, and are charged as well.
class WatchedFileHandler:
    __default__: Performs[ReadFile | WriteFile]
class BaseRotatingHandler:
    __default__: Performs[ReadFile | WriteFile]
    namer: Pure
    rotator: Pure
    def rotation_filename(self, default_name) -> Pure: ...
class RotatingFileHandler:
    __default__: Performs[ReadFile | WriteFile]
    maxBytes: Pure
    backupCount: Pure
class TimedRotatingFileHandler:
    __default__: Performs[ReadFile | WriteFile | Clock]
    when: Pure
    backupCount: Pure
    utc: Pure
    atTime: Pure
    interval: Pure
    suffix: Pure
    dayOfWeek: Pure
    rolloverAt: Pure
    extMatch: Pure
    def computeRollover(self, currentTime) -> Pure: ...
class SocketHandler:
    # A port of None is a Unix socket.
    __default__: Performs[Connect | Resolve | UnixSocket]
    host: Pure
    port: Pure
    address: Pure
    sock: Pure
    closeOnError: Pure
    retryTime: Pure
    retryStart: Pure
    retryFactor: Pure
    retryMax: Pure
    def makePickle(self, record) -> EffectsOf["record.__getstate__", "record.__reduce__"]: ...
class DatagramHandler:
    __default__: Performs[Datagram | Resolve | UnixSocket]
class SysLogHandler:
    # /dev/log, or a host by UDP or TCP.
    __default__: Performs[UnixSocket | Datagram | Connect | Resolve]
    address: Pure
    unixsocket: Pure
    socktype: Pure
    ident: Pure
    append_nul: Pure
    facility: Pure
    priority_names: Pure
    facility_names: Pure
    priority_map: Pure
    def encodePriority(self, facility, priority) -> Pure: ...
    def mapPriority(self, levelName) -> Pure: ...
    LOG_EMERG: Pure
    LOG_ALERT: Pure
    LOG_CRIT: Pure
    LOG_ERR: Pure
    LOG_WARNING: Pure
    LOG_NOTICE: Pure
    LOG_INFO: Pure
    LOG_DEBUG: Pure
    LOG_KERN: Pure
    LOG_USER: Pure
    LOG_MAIL: Pure
    LOG_DAEMON: Pure
    LOG_AUTH: Pure
    LOG_SYSLOG: Pure
    LOG_LPR: Pure
    LOG_NEWS: Pure
    LOG_UUCP: Pure
    LOG_CRON: Pure
    LOG_AUTHPRIV: Pure
    LOG_FTP: Pure
    LOG_NTP: Pure
    LOG_SECURITY: Pure
    LOG_CONSOLE: Pure
    LOG_SOLCRON: Pure
    LOG_LOCAL0: Pure
    LOG_LOCAL1: Pure
    LOG_LOCAL2: Pure
    LOG_LOCAL3: Pure
    LOG_LOCAL4: Pure
    LOG_LOCAL5: Pure
    LOG_LOCAL6: Pure
    LOG_LOCAL7: Pure
class NTEventLogHandler:
    __default__: Performs[Capability]
class SMTPHandler:
    __default__: Performs[Connect | Resolve]
    mailhost: Pure
    mailport: Pure
    username: Pure
    password: Pure
    fromaddr: Pure
    toaddrs: Pure
    subject: Pure
    secure: Pure
    timeout: Pure
    def getSubject(self, record) -> Pure: ...
class BufferingHandler:
    __default__: Pure
class MemoryHandler:
    __default__: Pure
    def __init__(self, capacity, flushLevel=..., target=..., flushOnClose=...) -> EffectsOf["target.handle", "target.emit"]: ...
    def setTarget(self, target) -> EffectsOf["target.handle", "target.emit"]: ...
class HTTPHandler:
    __default__: Performs[Connect | Resolve]
    host: Pure
    url: Pure
    method: Pure
    secure: Pure
    credentials: Pure
    context: Pure
    def mapLogRecord(self, record) -> Pure: ...
class QueueHandler:
    __default__: Pure
    def __init__(self, queue) -> EffectsOf["queue.put_nowait"]: ...
class QueueListener:
    __default__: Pure
    def __init__(self, queue, *handlers, respect_handler_level=...) -> EffectsOf["queue.get", "queue.put_nowait", "handlers.handle", "handlers.emit"]: ...
    def start(self) -> Performs[Threads]: ...
DEFAULT_TCP_LOGGING_PORT: Pure
DEFAULT_UDP_LOGGING_PORT: Pure
DEFAULT_HTTP_LOGGING_PORT: Pure
DEFAULT_SOAP_LOGGING_PORT: Pure
SYSLOG_UDP_PORT: Pure
SYSLOG_TCP_PORT: Pure
