def parse_headers(fp, _class=...) -> EffectsOf["fp.readline", "_class"]: ...
class HTTPMessage:
    __default__: Pure
class HTTPResponse:
    # Of a connection that is open.
    __default__: Pure
    def __init__(self, sock, debuglevel=..., method=..., url=...) -> EffectsOf["sock.makefile"]: ...
class HTTPConnection:
    __default__: Pure
    # Sending connects first, where that was not done yet.
    def connect(self) -> Performs[Connect | Resolve]: ...
    def request(self, method, url, body=..., headers=..., *, encode_chunked=...) -> Performs[Connect | Resolve] | EffectsOf["body", "body.read", "headers.items"]: ...
    def endheaders(self, message_body=..., *, encode_chunked=...) -> Performs[Connect | Resolve] | EffectsOf["message_body", "message_body.read"]: ...
    def send(self, data) -> Performs[Connect | Resolve] | EffectsOf["data", "data.read"]: ...
class HTTPSConnection(HTTPConnection):
    __default__: Pure
    # The certificates of the system, unless a context has others.
    @overload
    def __init__(self, host, port=..., key_file=..., cert_file=..., timeout=..., source_address=..., *, context: None = ..., check_hostname=..., blocksize=...) -> Performs[ReadFile | Environ]: ...
    @overload
    def __init__(self, host, port=..., key_file=..., cert_file=..., timeout=..., source_address=..., *, context=..., check_hostname=..., blocksize=...) -> Performs[ReadFile]: ...
class HTTPException:
    __default__: Pure
error: Pure
class NotConnected:
    __default__: Pure
class InvalidURL:
    __default__: Pure
class UnknownProtocol:
    __default__: Pure
class UnknownTransferEncoding:
    __default__: Pure
class UnimplementedFileMode:
    __default__: Pure
class IncompleteRead:
    __default__: Pure
class ImproperConnectionState:
    __default__: Pure
class CannotSendRequest:
    __default__: Pure
class CannotSendHeader:
    __default__: Pure
class ResponseNotReady:
    __default__: Pure
class BadStatusLine:
    __default__: Pure
class LineTooLong:
    __default__: Pure
class RemoteDisconnected:
    __default__: Pure
HTTP_PORT: Pure
HTTPS_PORT: Pure
CONTINUE: Pure
SWITCHING_PROTOCOLS: Pure
PROCESSING: Pure
EARLY_HINTS: Pure
OK: Pure
CREATED: Pure
ACCEPTED: Pure
NON_AUTHORITATIVE_INFORMATION: Pure
NO_CONTENT: Pure
RESET_CONTENT: Pure
PARTIAL_CONTENT: Pure
MULTI_STATUS: Pure
ALREADY_REPORTED: Pure
IM_USED: Pure
MULTIPLE_CHOICES: Pure
MOVED_PERMANENTLY: Pure
FOUND: Pure
SEE_OTHER: Pure
NOT_MODIFIED: Pure
USE_PROXY: Pure
TEMPORARY_REDIRECT: Pure
PERMANENT_REDIRECT: Pure
BAD_REQUEST: Pure
UNAUTHORIZED: Pure
PAYMENT_REQUIRED: Pure
FORBIDDEN: Pure
NOT_FOUND: Pure
METHOD_NOT_ALLOWED: Pure
NOT_ACCEPTABLE: Pure
PROXY_AUTHENTICATION_REQUIRED: Pure
REQUEST_TIMEOUT: Pure
CONFLICT: Pure
GONE: Pure
LENGTH_REQUIRED: Pure
PRECONDITION_FAILED: Pure
REQUEST_ENTITY_TOO_LARGE: Pure
REQUEST_URI_TOO_LONG: Pure
UNSUPPORTED_MEDIA_TYPE: Pure
REQUESTED_RANGE_NOT_SATISFIABLE: Pure
EXPECTATION_FAILED: Pure
IM_A_TEAPOT: Pure
MISDIRECTED_REQUEST: Pure
UNPROCESSABLE_ENTITY: Pure
LOCKED: Pure
FAILED_DEPENDENCY: Pure
TOO_EARLY: Pure
UPGRADE_REQUIRED: Pure
PRECONDITION_REQUIRED: Pure
TOO_MANY_REQUESTS: Pure
REQUEST_HEADER_FIELDS_TOO_LARGE: Pure
UNAVAILABLE_FOR_LEGAL_REASONS: Pure
INTERNAL_SERVER_ERROR: Pure
NOT_IMPLEMENTED: Pure
BAD_GATEWAY: Pure
SERVICE_UNAVAILABLE: Pure
GATEWAY_TIMEOUT: Pure
HTTP_VERSION_NOT_SUPPORTED: Pure
VARIANT_ALSO_NEGOTIATES: Pure
INSUFFICIENT_STORAGE: Pure
LOOP_DETECTED: Pure
NOT_EXTENDED: Pure
NETWORK_AUTHENTICATION_REQUIRED: Pure
responses: Pure
CONTENT_TOO_LARGE: Pure
URI_TOO_LONG: Pure
RANGE_NOT_SATISFIABLE: Pure
UNPROCESSABLE_CONTENT: Pure
