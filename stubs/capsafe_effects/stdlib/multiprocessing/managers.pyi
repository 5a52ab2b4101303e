# Objects in another process, over sockets, as pickles.
__default__: Performs[Spawn | Threads | Connect | Listen | Resolve | UnixSocket | WriteFile | Random] | Unknown["a proxy calls methods in another process"]
