# os has the names that programs use; typeshed defines them there.
__default__: Unknown["use the os module's name for it"]
