# Salts come from the system.
def mksalt(method=..., *, rounds=...) -> Performs[Random]: ...
@overload
def crypt(word, salt: None = ...) -> Performs[Random]: ...
@overload
def crypt(word, salt=...) -> Pure: ...
METHOD_CRYPT: Pure
METHOD_MD5: Pure
METHOD_SHA256: Pure
METHOD_SHA512: Pure
METHOD_BLOWFISH: Pure
methods: Pure
