# Empty: iterdump is the connection's.
__default__: Pure
