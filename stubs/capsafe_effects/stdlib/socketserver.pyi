# A server opens its socket when it is made, and from then on calls the handler's class for each request.
class BaseServer:
    __default__: Pure
    def __init__(self, server_address, RequestHandlerClass) -> EffectsOf["RequestHandlerClass"]: ...
    # Which of them forks, starts a thread or calls the handler is what the class says.
    def handle_request(self) -> EffectsOf["self.process_request", "self.verify_request", "self.service_actions", "self.handle_timeout", "self.handle_error"]: ...
    def serve_forever(self, poll_interval=...) -> EffectsOf["self.process_request", "self.verify_request", "self.service_actions", "self.handle_timeout", "self.handle_error"]: ...
    # The traceback goes to standard error.
    def handle_error(self, request, client_address) -> Performs[Stderr]: ...
class TCPServer(BaseServer):
    __default__: Pure
    def __init__(self, server_address, RequestHandlerClass, bind_and_activate=...) -> Performs[Listen | Resolve] | EffectsOf["RequestHandlerClass"]: ...
    def server_bind(self) -> Performs[Listen | Resolve]: ...
# Typeshed gives it the constructor of TCPServer.
class UDPServer(TCPServer):
    __default__: Pure
class UnixStreamServer(BaseServer):
    __default__: Pure
    def __init__(self, server_address, RequestHandlerClass, bind_and_activate=...) -> Performs[UnixSocket] | EffectsOf["RequestHandlerClass"]: ...
class UnixDatagramServer(BaseServer):
    __default__: Pure
    def __init__(self, server_address, RequestHandlerClass, bind_and_activate=...) -> Performs[UnixSocket] | EffectsOf["RequestHandlerClass"]: ...
class ForkingMixIn:
    __default__: Pure
    def process_request(self, request, client_address) -> Performs[Spawn]: ...
    def collect_children(self, *, blocking=...) -> Performs[Process]: ...
    def handle_timeout(self) -> Performs[Process]: ...
    def service_actions(self) -> Performs[Process]: ...
    def server_close(self) -> Performs[Process]: ...
class ThreadingMixIn:
    __default__: Pure
    def process_request(self, request, client_address) -> Performs[Threads]: ...
class BaseRequestHandler:
    __default__: Pure
    def __init__(self, request, client_address, server) -> EffectsOf["self.setup", "self.handle", "self.finish"]: ...
class StreamRequestHandler(BaseRequestHandler):
    __default__: Pure
class DatagramRequestHandler(BaseRequestHandler):
    __default__: Pure
class ForkingTCPServer(ForkingMixIn, TCPServer):
    __default__: Pure
class ForkingUDPServer(ForkingMixIn, UDPServer):
    __default__: Pure
class ForkingUnixStreamServer(ForkingMixIn, UnixStreamServer):
    __default__: Pure
class ForkingUnixDatagramServer(ForkingMixIn, UnixDatagramServer):
    __default__: Pure
class ThreadingTCPServer(ThreadingMixIn, TCPServer):
    __default__: Pure
class ThreadingUDPServer(ThreadingMixIn, UDPServer):
    __default__: Pure
class ThreadingUnixStreamServer(ThreadingMixIn, UnixStreamServer):
    __default__: Pure
class ThreadingUnixDatagramServer(ThreadingMixIn, UnixDatagramServer):
    __default__: Pure
