def DateFromTicks(ticks) -> Pure: ...
def TimeFromTicks(ticks) -> Pure: ...
def TimestampFromTicks(ticks) -> Pure: ...
def enable_shared_cache(enable) -> Pure: ...
Binary: Pure
Date: Pure
Time: Pure
Timestamp: Pure
version: Pure
paramstyle: Pure
threadsafety: Pure
apilevel: Pure
version_info: Pure
sqlite_version_info: Pure
