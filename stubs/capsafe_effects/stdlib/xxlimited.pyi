__default__: Unknown["an example of an extension module"]
