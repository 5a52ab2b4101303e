# The machinery below processes.
__default__: Performs[Process | UnixSocket | Threads | Import] | Unknown["the machinery below processes runs what it is sent"]
