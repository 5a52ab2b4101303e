__default__: Performs[Network | SystemInfo]
