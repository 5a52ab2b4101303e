# Queues between threads.
__default__: Pure
