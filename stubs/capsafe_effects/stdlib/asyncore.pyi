__default__: Performs[Network | Stdio]
