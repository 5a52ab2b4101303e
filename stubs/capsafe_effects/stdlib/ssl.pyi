# TLS over sockets that are in hand. The certificates of the system are files, which the environment may name others for.
def wrap_socket(sock, keyfile=..., certfile=..., server_side=..., cert_reqs=..., ssl_version=..., ca_certs=..., do_handshake_on_connect=..., suppress_ragged_eofs=..., ciphers=...) -> Pure: ...
def match_hostname(cert, hostname) -> Pure: ...
def cert_time_to_seconds(cert_time) -> Pure: ...
def DER_cert_to_PEM_cert(der_cert_bytes) -> Pure: ...
def PEM_cert_to_DER_cert(pem_cert_string) -> Pure: ...
socket_error: Pure
CertificateError: Pure
class DefaultVerifyPaths:
    __default__: Pure
class VerifyMode:
    __default__: Pure
class VerifyFlags:
    __default__: Pure
class Options:
    __default__: Pure
class AlertDescription:
    __default__: Pure
class Purpose:
    __default__: Pure
class TLSVersion:
    __default__: Pure
class SSLErrorNumber:
    __default__: Pure
class SSLError:
    __default__: Pure
class SSLZeroReturnError:
    __default__: Pure
class SSLWantReadError:
    __default__: Pure
class SSLWantWriteError:
    __default__: Pure
class SSLSyscallError:
    __default__: Pure
class SSLEOFError:
    __default__: Pure
class SSLCertVerificationError:
    __default__: Pure
def get_protocol_name(protocol_code) -> Pure: ...
def get_default_verify_paths() -> Performs[Environ]: ...
def get_server_certificate(addr, ssl_version=..., ca_certs=..., timeout=...) -> Performs[Connect | Resolve | ReadFile]: ...
def create_default_context(purpose=..., *, cafile=..., capath=..., cadata=...) -> Performs[ReadFile | Environ]: ...
class SSLSocket(socket.socket):
    __default__: Pure
    def connect(self, addr) -> Performs[Connect | Resolve]: ...
    def connect_ex(self, addr) -> Performs[Connect | Resolve]: ...
    def sendto(self, data, flags_or_addr, addr=...) -> Performs[Datagram | Resolve]: ...
class SSLContext(_ssl._SSLContext):
    __default__: Pure
    def load_default_certs(self, purpose=...) -> Performs[ReadFile | Environ]: ...
    def set_default_verify_paths(self) -> Performs[ReadFile | Environ]: ...
    # Certificates may be given as text.
    @overload
    def load_verify_locations(self, cafile: None = ..., capath: None = ..., cadata=...) -> Pure: ...
    @overload
    def load_verify_locations(self, cafile=..., capath=..., cadata=...) -> Performs[ReadFile]: ...
    def load_dh_params(self, path, /) -> Performs[ReadFile]: ...
    def set_servername_callback(self, server_name_callback) -> EffectsOf["server_name_callback"]: ...
class SSLObject:
    __default__: Pure
CERT_NONE: Pure
CERT_OPTIONAL: Pure
CERT_REQUIRED: Pure
VERIFY_DEFAULT: Pure
VERIFY_CRL_CHECK_LEAF: Pure
VERIFY_CRL_CHECK_CHAIN: Pure
VERIFY_X509_STRICT: Pure
VERIFY_X509_TRUSTED_FIRST: Pure
VERIFY_ALLOW_PROXY_CERTS: Pure
VERIFY_X509_PARTIAL_CHAIN: Pure
PROTOCOL_SSLv23: Pure
PROTOCOL_SSLv2: Pure
PROTOCOL_SSLv3: Pure
PROTOCOL_TLSv1: Pure
PROTOCOL_TLSv1_1: Pure
PROTOCOL_TLSv1_2: Pure
PROTOCOL_TLS: Pure
PROTOCOL_TLS_CLIENT: Pure
PROTOCOL_TLS_SERVER: Pure
OP_ALL: Pure
OP_NO_SSLv2: Pure
OP_NO_SSLv3: Pure
OP_NO_TLSv1: Pure
OP_NO_TLSv1_1: Pure
OP_NO_TLSv1_2: Pure
OP_NO_TLSv1_3: Pure
OP_CIPHER_SERVER_PREFERENCE: Pure
OP_SINGLE_DH_USE: Pure
OP_SINGLE_ECDH_USE: Pure
OP_NO_COMPRESSION: Pure
OP_NO_TICKET: Pure
OP_NO_RENEGOTIATION: Pure
OP_ENABLE_MIDDLEBOX_COMPAT: Pure
OP_IGNORE_UNEXPECTED_EOF: Pure
HAS_NEVER_CHECK_COMMON_NAME: Pure
CHANNEL_BINDING_TYPES: Pure
ALERT_DESCRIPTION_HANDSHAKE_FAILURE: Pure
ALERT_DESCRIPTION_INTERNAL_ERROR: Pure
ALERT_DESCRIPTION_ACCESS_DENIED: Pure
ALERT_DESCRIPTION_BAD_CERTIFICATE: Pure
ALERT_DESCRIPTION_BAD_CERTIFICATE_HASH_VALUE: Pure
ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE: Pure
ALERT_DESCRIPTION_BAD_RECORD_MAC: Pure
ALERT_DESCRIPTION_CERTIFICATE_EXPIRED: Pure
ALERT_DESCRIPTION_CERTIFICATE_REVOKED: Pure
ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN: Pure
ALERT_DESCRIPTION_CERTIFICATE_UNOBTAINABLE: Pure
ALERT_DESCRIPTION_CLOSE_NOTIFY: Pure
ALERT_DESCRIPTION_DECODE_ERROR: Pure
ALERT_DESCRIPTION_DECOMPRESSION_FAILURE: Pure
ALERT_DESCRIPTION_DECRYPT_ERROR: Pure
ALERT_DESCRIPTION_ILLEGAL_PARAMETER: Pure
ALERT_DESCRIPTION_INSUFFICIENT_SECURITY: Pure
ALERT_DESCRIPTION_NO_RENEGOTIATION: Pure
ALERT_DESCRIPTION_PROTOCOL_VERSION: Pure
ALERT_DESCRIPTION_RECORD_OVERFLOW: Pure
ALERT_DESCRIPTION_UNEXPECTED_MESSAGE: Pure
ALERT_DESCRIPTION_UNKNOWN_CA: Pure
ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY: Pure
ALERT_DESCRIPTION_UNRECOGNIZED_NAME: Pure
ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE: Pure
ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION: Pure
ALERT_DESCRIPTION_USER_CANCELLED: Pure
SSL_ERROR_EOF: Pure
SSL_ERROR_INVALID_ERROR_CODE: Pure
SSL_ERROR_SSL: Pure
SSL_ERROR_SYSCALL: Pure
SSL_ERROR_WANT_CONNECT: Pure
SSL_ERROR_WANT_READ: Pure
SSL_ERROR_WANT_WRITE: Pure
SSL_ERROR_WANT_X509_LOOKUP: Pure
SSL_ERROR_ZERO_RETURN: Pure
PEM_FOOTER: Pure
PEM_HEADER: Pure
SOCK_STREAM: Pure
SOL_SOCKET: Pure
SO_TYPE: Pure
OP_LEGACY_SERVER_CONNECT: Pure
OP_ENABLE_KTLS: Pure
