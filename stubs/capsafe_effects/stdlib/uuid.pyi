# A UUID is a number; making a new one takes the clock and the network card, or chance.
def uuid1(node=..., clock_seq=...) -> Performs[Clock | Random | SystemInfo | Spawn]: ...
def getnode() -> Performs[Clock | Random | SystemInfo | Spawn]: ...
def uuid4() -> Performs[Random]: ...
# The command of the module.
def main() -> Performs[Stdio | Clock | Random | SystemInfo | Spawn]: ...
def uuid3(namespace, name) -> Pure: ...
def uuid5(namespace, name) -> Pure: ...
class SafeUUID:
    __default__: Pure
class UUID:
    __default__: Pure
NAMESPACE_DNS: Pure
NAMESPACE_URL: Pure
NAMESPACE_OID: Pure
NAMESPACE_X500: Pure
RESERVED_NCS: Pure
RFC_4122: Pure
RESERVED_MICROSOFT: Pure
RESERVED_FUTURE: Pure
