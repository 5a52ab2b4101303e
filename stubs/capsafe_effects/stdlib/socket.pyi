# See _socket for what is charged where.
class socket(_socket.socket):
    __default__: Pure
    def __init__(self, family=..., type=..., proto=..., fileno=...) -> Performs[Network]: ...
    # Of a listening socket that is in hand.
    def accept(self) -> Pure: ...
    def sendfile(self, file, offset=..., count=...) -> EffectsOf["file.read", "file.seek", "file.fileno"]: ...
class SocketIO:
    __default__: Pure
    def __init__(self, sock, mode) -> EffectsOf["sock.recv_into", "sock.send", "sock.close", "sock.fileno"]: ...

# A number that is a socket already.
def fromfd(fd, family, type, proto=...) -> Performs[Network]: ...
def send_fds(sock, buffers, fds, flags=..., address=...) -> Performs[UnixSocket]: ...
def recv_fds(sock, bufsize, maxfds, flags=...) -> Performs[UnixSocket]: ...
def socketpair(family=..., type=..., proto=...) -> Performs[UnixSocket]: ...
# Looks the host up, then connects.
def create_connection(address, timeout=..., source_address=..., *, all_errors=...) -> Performs[Connect | Resolve]: ...
def create_server(address, *, family=..., backlog=..., reuse_port=..., dualstack_ipv6=...) -> Performs[Listen | Resolve]: ...
def getfqdn(name=...) -> Performs[Resolve | SystemInfo]: ...
def getaddrinfo(host, port, family=..., type=..., proto=..., flags=...) -> Performs[Resolve]: ...
# Makes a socket to try.
def has_dualstack_ipv6() -> Performs[Network]: ...
class AddressFamily:
    __default__: Pure
class AddressInfo:
    __default__: Pure
class MsgFlag:
    __default__: Pure
class SocketKind:
    __default__: Pure
class herror:
    __default__: Pure
class gaierror:
    __default__: Pure
error: Pure
timeout: Pure
class _SendableFile:
    __default__: Pure
EBADF: Pure
EAGAIN: Pure
EWOULDBLOCK: Pure
AF_INET: Pure
AF_INET6: Pure
AF_APPLETALK: Pure
AF_DECnet: Pure
AF_IPX: Pure
AF_SNA: Pure
AF_UNSPEC: Pure
AF_IRDA: Pure
AF_ROUTE: Pure
AF_UNIX: Pure
AF_ASH: Pure
AF_ATMPVC: Pure
AF_ATMSVC: Pure
AF_AX25: Pure
AF_BRIDGE: Pure
AF_ECONET: Pure
AF_KEY: Pure
AF_LLC: Pure
AF_NETBEUI: Pure
AF_NETROM: Pure
AF_PPPOX: Pure
AF_ROSE: Pure
AF_SECURITY: Pure
AF_WANPIPE: Pure
AF_X25: Pure
AF_CAN: Pure
AF_PACKET: Pure
AF_RDS: Pure
AF_TIPC: Pure
AF_ALG: Pure
AF_NETLINK: Pure
AF_VSOCK: Pure
AF_QIPCRTR: Pure
AF_BLUETOOTH: Pure
SOCK_STREAM: Pure
SOCK_DGRAM: Pure
SOCK_RAW: Pure
SOCK_RDM: Pure
SOCK_SEQPACKET: Pure
SOCK_CLOEXEC: Pure
SOCK_NONBLOCK: Pure
MSG_CTRUNC: Pure
MSG_DONTROUTE: Pure
MSG_OOB: Pure
MSG_PEEK: Pure
MSG_TRUNC: Pure
MSG_WAITALL: Pure
MSG_ERRQUEUE: Pure
MSG_DONTWAIT: Pure
MSG_EOR: Pure
MSG_NOSIGNAL: Pure
MSG_CMSG_CLOEXEC: Pure
MSG_CONFIRM: Pure
MSG_FASTOPEN: Pure
MSG_MORE: Pure
AI_ADDRCONFIG: Pure
AI_ALL: Pure
AI_CANONNAME: Pure
AI_NUMERICHOST: Pure
AI_NUMERICSERV: Pure
AI_PASSIVE: Pure
AI_V4MAPPED: Pure
