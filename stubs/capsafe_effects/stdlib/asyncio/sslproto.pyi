# TLS over a transport that is in hand.
__default__: Pure
