# Another name for posixpath, where the functions are said.
__default__: Unknown["use posixpath's name for it"]
