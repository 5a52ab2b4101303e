# Status codes and method names.
class HTTPStatus:
    __default__: Pure
class HTTPMethod:
    __default__: Pure
