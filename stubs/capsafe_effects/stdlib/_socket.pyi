# A socket that is in hand may be used: it was charged where it was made, connected or accepted, or it was captured.
# Reaching out anew is charged. Which family a socket has is a number, so making one may be for any part of Network;
# connecting and binding are charged as TCP, and name a host that is looked up first where it is no number.
class socket:
    __default__: Pure
    def __init__(self, family=..., type=..., proto=..., fileno=...) -> Performs[Network]: ...
    def connect(self, address, /) -> Performs[Connect | Resolve]: ...
    def connect_ex(self, address, /) -> Performs[Connect | Resolve]: ...
    def listen(self, backlog=..., /) -> Performs[Listen]: ...
    # A name to bind to is looked up too. UDP sockets bind as well, which is Datagram.
    def bind(self, address, /) -> Performs[Listen | Resolve]: ...
    def sendto(self, data, flags=..., address=..., /) -> Performs[Datagram | Resolve]: ...
    # With an address, or with descriptors to pass, it does more than send on.
    @overload
    def sendmsg(self, buffers, ancdata: Absent = ..., flags=..., address: Absent = ..., /) -> EffectsOf["buffers"]: ...
    @overload
    def sendmsg(self, buffers, ancdata=..., flags=..., address=..., /) -> Performs[Network] | EffectsOf["buffers", "ancdata"]: ...
    # Descriptors may come with the data.
    def recvmsg(self, bufsize, ancbufsize=..., flags=..., /) -> Performs[UnixSocket]: ...
    def recvmsg_into(self, buffers, ancbufsize=..., flags=..., /) -> Performs[UnixSocket]: ...
    # Cryptography of the kernel.
    def sendmsg_afalg(self, msg=..., *, op, iv=..., assoclen=..., flags=...) -> Performs[Network]: ...

def getaddrinfo(host, port, family=..., type=..., proto=..., flags=...) -> Performs[Resolve]: ...
def gethostbyname(hostname, /) -> Performs[Resolve]: ...
def gethostbyname_ex(hostname, /) -> Performs[Resolve]: ...
def gethostbyaddr(ip_address, /) -> Performs[Resolve]: ...
def getnameinfo(sockaddr, flags, /) -> Performs[Resolve]: ...
def gethostname() -> Performs[SystemInfo]: ...
def if_nameindex() -> Performs[SystemInfo]: ...
def if_nametoindex(oname, /) -> Performs[SystemInfo]: ...
def if_indextoname(index, /) -> Performs[SystemInfo]: ...
# Tables in files: /etc/protocols, /etc/services.
def getprotobyname(protocolname, /) -> Performs[ReadFile]: ...
def getservbyname(servicename, protocolname=..., /) -> Performs[ReadFile]: ...
def getservbyport(port, protocolname=..., /) -> Performs[ReadFile]: ...
def sethostname(name, /) -> Performs[Capability]: ...
# A pair is connected to nothing but itself.
def socketpair(family=..., type=..., proto=..., /) -> Performs[UnixSocket]: ...
# Giving authority up, or doubling it.
def close(fd, /) -> Pure: ...
def dup(fd, /) -> Pure: ...
def ntohl(x, /) -> Pure: ...
def ntohs(x, /) -> Pure: ...
def htonl(x, /) -> Pure: ...
def htons(x, /) -> Pure: ...
def inet_aton(ip_addr, /) -> Pure: ...
def inet_ntoa(packed_ip, /) -> Pure: ...
def inet_pton(address_family, ip_string, /) -> Pure: ...
def inet_ntop(address_family, packed_ip, /) -> Pure: ...
def CMSG_LEN(length, /) -> Pure: ...
def CMSG_SPACE(length, /) -> Pure: ...
def getdefaulttimeout() -> Pure: ...
def setdefaulttimeout(timeout, /) -> Pure: ...
SocketType: Pure
CAPI: Unknown["the C interface of the module"]
AF_UNIX: Pure
AF_INET: Pure
AF_INET6: Pure
AF_UNSPEC: Pure
SOCK_STREAM: Pure
SOCK_DGRAM: Pure
SOCK_RAW: Pure
SOCK_RDM: Pure
SOCK_SEQPACKET: Pure
SOCK_CLOEXEC: Pure
SOCK_NONBLOCK: Pure
SO_ACCEPTCONN: Pure
SO_BROADCAST: Pure
SO_DEBUG: Pure
SO_DONTROUTE: Pure
SO_ERROR: Pure
SO_KEEPALIVE: Pure
SO_LINGER: Pure
SO_OOBINLINE: Pure
SO_RCVBUF: Pure
SO_RCVLOWAT: Pure
SO_RCVTIMEO: Pure
SO_REUSEADDR: Pure
SO_SNDBUF: Pure
SO_SNDLOWAT: Pure
SO_SNDTIMEO: Pure
SO_TYPE: Pure
SO_REUSEPORT: Pure
SO_BINDTODEVICE: Pure
SO_DOMAIN: Pure
SO_MARK: Pure
SO_PASSCRED: Pure
SO_PASSSEC: Pure
SO_PEERCRED: Pure
SO_PEERSEC: Pure
SO_PRIORITY: Pure
SO_PROTOCOL: Pure
SOMAXCONN: Pure
MSG_CTRUNC: Pure
MSG_DONTROUTE: Pure
MSG_OOB: Pure
MSG_PEEK: Pure
MSG_TRUNC: Pure
MSG_WAITALL: Pure
MSG_DONTWAIT: Pure
MSG_EOR: Pure
MSG_NOSIGNAL: Pure
MSG_ERRQUEUE: Pure
MSG_CMSG_CLOEXEC: Pure
MSG_CONFIRM: Pure
MSG_FASTOPEN: Pure
MSG_MORE: Pure
SOL_IP: Pure
SOL_SOCKET: Pure
SOL_TCP: Pure
SOL_UDP: Pure
SOL_ATALK: Pure
SOL_AX25: Pure
SOL_HCI: Pure
SOL_IPX: Pure
SOL_NETROM: Pure
SOL_ROSE: Pure
SCM_RIGHTS: Pure
SCM_CREDENTIALS: Pure
IPPROTO_ICMP: Pure
IPPROTO_IP: Pure
IPPROTO_RAW: Pure
IPPROTO_TCP: Pure
IPPROTO_UDP: Pure
IPPROTO_AH: Pure
IPPROTO_DSTOPTS: Pure
IPPROTO_EGP: Pure
IPPROTO_ESP: Pure
IPPROTO_FRAGMENT: Pure
IPPROTO_HOPOPTS: Pure
IPPROTO_ICMPV6: Pure
IPPROTO_IDP: Pure
IPPROTO_IGMP: Pure
IPPROTO_IPV6: Pure
IPPROTO_NONE: Pure
IPPROTO_PIM: Pure
IPPROTO_PUP: Pure
IPPROTO_ROUTING: Pure
IPPROTO_SCTP: Pure
IPPROTO_GRE: Pure
IPPROTO_IPIP: Pure
IPPROTO_RSVP: Pure
IPPROTO_TP: Pure
IPPROTO_UDPLITE: Pure
IPPROTO_MPTCP: Pure
IPPORT_RESERVED: Pure
IPPORT_USERRESERVED: Pure
INADDR_ALLHOSTS_GROUP: Pure
INADDR_ANY: Pure
INADDR_BROADCAST: Pure
INADDR_LOOPBACK: Pure
INADDR_MAX_LOCAL_GROUP: Pure
INADDR_NONE: Pure
INADDR_UNSPEC_GROUP: Pure
IP_ADD_MEMBERSHIP: Pure
IP_DROP_MEMBERSHIP: Pure
IP_HDRINCL: Pure
IP_MULTICAST_IF: Pure
IP_MULTICAST_LOOP: Pure
IP_MULTICAST_TTL: Pure
IP_OPTIONS: Pure
IP_RECVTOS: Pure
IP_TOS: Pure
IP_TTL: Pure
IP_DEFAULT_MULTICAST_LOOP: Pure
IP_DEFAULT_MULTICAST_TTL: Pure
IP_MAX_MEMBERSHIPS: Pure
IP_RECVOPTS: Pure
IP_RECVRETOPTS: Pure
IP_RETOPTS: Pure
IP_TRANSPARENT: Pure
IP_BIND_ADDRESS_NO_PORT: Pure
IPV6_CHECKSUM: Pure
IPV6_JOIN_GROUP: Pure
IPV6_LEAVE_GROUP: Pure
IPV6_MULTICAST_HOPS: Pure
IPV6_MULTICAST_IF: Pure
IPV6_MULTICAST_LOOP: Pure
IPV6_RECVTCLASS: Pure
IPV6_TCLASS: Pure
IPV6_UNICAST_HOPS: Pure
IPV6_V6ONLY: Pure
IPV6_DONTFRAG: Pure
IPV6_HOPLIMIT: Pure
IPV6_HOPOPTS: Pure
IPV6_PKTINFO: Pure
IPV6_RECVRTHDR: Pure
IPV6_RTHDR: Pure
IPV6_RTHDR_TYPE_0: Pure
IPV6_DSTOPTS: Pure
IPV6_NEXTHOP: Pure
IPV6_PATHMTU: Pure
IPV6_RECVDSTOPTS: Pure
IPV6_RECVHOPLIMIT: Pure
IPV6_RECVHOPOPTS: Pure
IPV6_RECVPATHMTU: Pure
IPV6_RECVPKTINFO: Pure
IPV6_RTHDRDSTOPTS: Pure
EAI_AGAIN: Pure
EAI_BADFLAGS: Pure
EAI_FAIL: Pure
EAI_FAMILY: Pure
EAI_MEMORY: Pure
EAI_NODATA: Pure
EAI_NONAME: Pure
EAI_SERVICE: Pure
EAI_SOCKTYPE: Pure
EAI_ADDRFAMILY: Pure
EAI_OVERFLOW: Pure
EAI_SYSTEM: Pure
AI_ADDRCONFIG: Pure
AI_ALL: Pure
AI_CANONNAME: Pure
AI_NUMERICHOST: Pure
AI_NUMERICSERV: Pure
AI_PASSIVE: Pure
AI_V4MAPPED: Pure
NI_DGRAM: Pure
NI_MAXHOST: Pure
NI_MAXSERV: Pure
NI_NAMEREQD: Pure
NI_NOFQDN: Pure
NI_NUMERICHOST: Pure
NI_NUMERICSERV: Pure
TCP_FASTOPEN: Pure
TCP_KEEPCNT: Pure
TCP_KEEPINTVL: Pure
TCP_MAXSEG: Pure
TCP_NODELAY: Pure
TCP_NOTSENT_LOWAT: Pure
TCP_KEEPIDLE: Pure
TCP_CONGESTION: Pure
TCP_CORK: Pure
TCP_DEFER_ACCEPT: Pure
TCP_INFO: Pure
TCP_LINGER2: Pure
TCP_QUICKACK: Pure
TCP_SYNCNT: Pure
TCP_USER_TIMEOUT: Pure
TCP_WINDOW_CLAMP: Pure
AF_CAN: Pure
PF_CAN: Pure
SOL_CAN_BASE: Pure
SOL_CAN_RAW: Pure
CAN_EFF_FLAG: Pure
CAN_EFF_MASK: Pure
CAN_ERR_FLAG: Pure
CAN_ERR_MASK: Pure
CAN_RAW: Pure
CAN_RAW_FILTER: Pure
CAN_RAW_LOOPBACK: Pure
CAN_RAW_RECV_OWN_MSGS: Pure
CAN_RTR_FLAG: Pure
CAN_SFF_MASK: Pure
CAN_BCM: Pure
CAN_BCM_TX_SETUP: Pure
CAN_BCM_TX_DELETE: Pure
CAN_BCM_TX_READ: Pure
CAN_BCM_TX_SEND: Pure
CAN_BCM_RX_SETUP: Pure
CAN_BCM_RX_DELETE: Pure
CAN_BCM_RX_READ: Pure
CAN_BCM_TX_STATUS: Pure
CAN_BCM_TX_EXPIRED: Pure
CAN_BCM_RX_STATUS: Pure
CAN_BCM_RX_TIMEOUT: Pure
CAN_BCM_RX_CHANGED: Pure
CAN_BCM_SETTIMER: Pure
CAN_BCM_STARTTIMER: Pure
CAN_BCM_TX_COUNTEVT: Pure
CAN_BCM_TX_ANNOUNCE: Pure
CAN_BCM_TX_CP_CAN_ID: Pure
CAN_BCM_RX_FILTER_ID: Pure
CAN_BCM_RX_CHECK_DLC: Pure
CAN_BCM_RX_NO_AUTOTIMER: Pure
CAN_BCM_RX_ANNOUNCE_RESUME: Pure
CAN_BCM_TX_RESET_MULTI_IDX: Pure
CAN_BCM_RX_RTR_FRAME: Pure
CAN_BCM_CAN_FD_FRAME: Pure
CAN_RAW_FD_FRAMES: Pure
CAN_RAW_JOIN_FILTERS: Pure
CAN_ISOTP: Pure
CAN_J1939: Pure
J1939_MAX_UNICAST_ADDR: Pure
J1939_IDLE_ADDR: Pure
J1939_NO_ADDR: Pure
J1939_NO_NAME: Pure
J1939_PGN_REQUEST: Pure
J1939_PGN_ADDRESS_CLAIMED: Pure
J1939_PGN_ADDRESS_COMMANDED: Pure
J1939_PGN_PDU1_MAX: Pure
J1939_PGN_MAX: Pure
J1939_NO_PGN: Pure
SO_J1939_FILTER: Pure
SO_J1939_PROMISC: Pure
SO_J1939_SEND_PRIO: Pure
SO_J1939_ERRQUEUE: Pure
SCM_J1939_DEST_ADDR: Pure
SCM_J1939_DEST_NAME: Pure
SCM_J1939_PRIO: Pure
SCM_J1939_ERRQUEUE: Pure
J1939_NLA_PAD: Pure
J1939_NLA_BYTES_ACKED: Pure
J1939_EE_INFO_NONE: Pure
J1939_EE_INFO_TX_ABORT: Pure
J1939_FILTER_MAX: Pure
AF_PACKET: Pure
PF_PACKET: Pure
PACKET_BROADCAST: Pure
PACKET_FASTROUTE: Pure
PACKET_HOST: Pure
PACKET_LOOPBACK: Pure
PACKET_MULTICAST: Pure
PACKET_OTHERHOST: Pure
PACKET_OUTGOING: Pure
AF_RDS: Pure
PF_RDS: Pure
SOL_RDS: Pure
RDS_CANCEL_SENT_TO: Pure
RDS_CMSG_RDMA_ARGS: Pure
RDS_CMSG_RDMA_DEST: Pure
RDS_CMSG_RDMA_MAP: Pure
RDS_CMSG_RDMA_STATUS: Pure
RDS_CONG_MONITOR: Pure
RDS_FREE_MR: Pure
RDS_GET_MR: Pure
RDS_GET_MR_FOR_DEST: Pure
RDS_RDMA_DONTWAIT: Pure
RDS_RDMA_FENCE: Pure
RDS_RDMA_INVALIDATE: Pure
RDS_RDMA_NOTIFY_ME: Pure
RDS_RDMA_READWRITE: Pure
RDS_RDMA_SILENT: Pure
RDS_RDMA_USE_ONCE: Pure
RDS_RECVERR: Pure
AF_TIPC: Pure
SOL_TIPC: Pure
TIPC_ADDR_ID: Pure
TIPC_ADDR_NAME: Pure
TIPC_ADDR_NAMESEQ: Pure
TIPC_CFG_SRV: Pure
TIPC_CLUSTER_SCOPE: Pure
TIPC_CONN_TIMEOUT: Pure
TIPC_CRITICAL_IMPORTANCE: Pure
TIPC_DEST_DROPPABLE: Pure
TIPC_HIGH_IMPORTANCE: Pure
TIPC_IMPORTANCE: Pure
TIPC_LOW_IMPORTANCE: Pure
TIPC_MEDIUM_IMPORTANCE: Pure
TIPC_NODE_SCOPE: Pure
TIPC_PUBLISHED: Pure
TIPC_SRC_DROPPABLE: Pure
TIPC_SUBSCR_TIMEOUT: Pure
TIPC_SUB_CANCEL: Pure
TIPC_SUB_PORTS: Pure
TIPC_SUB_SERVICE: Pure
TIPC_TOP_SRV: Pure
TIPC_WAIT_FOREVER: Pure
TIPC_WITHDRAWN: Pure
TIPC_ZONE_SCOPE: Pure
AF_ALG: Pure
SOL_ALG: Pure
ALG_OP_DECRYPT: Pure
ALG_OP_ENCRYPT: Pure
ALG_OP_SIGN: Pure
ALG_OP_VERIFY: Pure
ALG_SET_AEAD_ASSOCLEN: Pure
ALG_SET_AEAD_AUTHSIZE: Pure
ALG_SET_IV: Pure
ALG_SET_KEY: Pure
ALG_SET_OP: Pure
ALG_SET_PUBKEY: Pure
AF_VSOCK: Pure
IOCTL_VM_SOCKETS_GET_LOCAL_CID: Pure
VMADDR_CID_ANY: Pure
VMADDR_CID_HOST: Pure
VMADDR_PORT_ANY: Pure
SO_VM_SOCKETS_BUFFER_MAX_SIZE: Pure
SO_VM_SOCKETS_BUFFER_SIZE: Pure
SO_VM_SOCKETS_BUFFER_MIN_SIZE: Pure
VM_SOCKETS_INVALID_VERSION: Pure
has_ipv6: Pure
BDADDR_ANY: Pure
BDADDR_LOCAL: Pure
HCI_FILTER: Pure
HCI_TIME_STAMP: Pure
HCI_DATA_DIR: Pure
AF_QIPCRTR: Pure
SO_INCOMING_CPU: Pure
AF_NETLINK: Pure
NETLINK_CRYPTO: Pure
NETLINK_DNRTMSG: Pure
NETLINK_FIREWALL: Pure
NETLINK_IP6_FW: Pure
NETLINK_NFLOG: Pure
NETLINK_ROUTE: Pure
NETLINK_USERSOCK: Pure
NETLINK_XFRM: Pure
AF_BLUETOOTH: Pure
BTPROTO_HCI: Pure
BTPROTO_L2CAP: Pure
BTPROTO_SCO: Pure
BTPROTO_RFCOMM: Pure
UDPLITE_RECV_CSCOV: Pure
UDPLITE_SEND_CSCOV: Pure
SHUT_RD: Pure
SHUT_RDWR: Pure
SHUT_WR: Pure
AF_APPLETALK: Pure
AF_DECnet: Pure
AF_IPX: Pure
AF_SNA: Pure
AF_ROUTE: Pure
AF_IRDA: Pure
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
IPX_TYPE: Pure
IP_ADD_SOURCE_MEMBERSHIP: Pure
IP_BLOCK_SOURCE: Pure
IP_DROP_SOURCE_MEMBERSHIP: Pure
IP_PKTINFO: Pure
IP_UNBLOCK_SOURCE: Pure
TCP_CC_INFO: Pure
TCP_FASTOPEN_CONNECT: Pure
TCP_FASTOPEN_KEY: Pure
TCP_FASTOPEN_NO_COOKIE: Pure
TCP_INQ: Pure
TCP_MD5SIG: Pure
TCP_MD5SIG_EXT: Pure
TCP_QUEUE_SEQ: Pure
TCP_REPAIR: Pure
TCP_REPAIR_OPTIONS: Pure
TCP_REPAIR_QUEUE: Pure
TCP_REPAIR_WINDOW: Pure
TCP_SAVED_SYN: Pure
TCP_SAVE_SYN: Pure
TCP_THIN_DUPACK: Pure
TCP_THIN_LINEAR_TIMEOUTS: Pure
TCP_TIMESTAMP: Pure
TCP_TX_DELAY: Pure
TCP_ULP: Pure
TCP_ZEROCOPY_RECEIVE: Pure
ETH_P_ALL: Pure
ETHERTYPE_ARP: Pure
ETHERTYPE_IP: Pure
ETHERTYPE_IPV6: Pure
ETHERTYPE_VLAN: Pure
SO_BINDTOIFINDEX: Pure
CAN_RAW_ERR_FILTER: Pure
NI_IDN: Pure
