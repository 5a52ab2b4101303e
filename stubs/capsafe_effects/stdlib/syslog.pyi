# /dev/log.
def syslog(priority=..., message=...) -> Performs[UnixSocket]: ...
def openlog(ident=..., logoption=..., facility=...) -> Performs[UnixSocket]: ...
def closelog() -> Performs[UnixSocket]: ...
def LOG_MASK(pri, /) -> Pure: ...
def LOG_UPTO(pri, /) -> Pure: ...
def setlogmask(maskpri, /) -> Pure: ...
LOG_ALERT: Pure
LOG_AUTH: Pure
LOG_AUTHPRIV: Pure
LOG_CONS: Pure
LOG_CRIT: Pure
LOG_CRON: Pure
LOG_DAEMON: Pure
LOG_DEBUG: Pure
LOG_EMERG: Pure
LOG_ERR: Pure
LOG_INFO: Pure
LOG_KERN: Pure
LOG_LOCAL0: Pure
LOG_LOCAL1: Pure
LOG_LOCAL2: Pure
LOG_LOCAL3: Pure
LOG_LOCAL4: Pure
LOG_LOCAL5: Pure
LOG_LOCAL6: Pure
LOG_LOCAL7: Pure
LOG_LPR: Pure
LOG_MAIL: Pure
LOG_NDELAY: Pure
LOG_NEWS: Pure
LOG_NOTICE: Pure
LOG_NOWAIT: Pure
LOG_ODELAY: Pure
LOG_PERROR: Pure
LOG_PID: Pure
LOG_SYSLOG: Pure
LOG_USER: Pure
LOG_UUCP: Pure
LOG_WARNING: Pure
LOG_FTP: Pure
