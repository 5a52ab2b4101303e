# Its names are defined in typing and _collections_abc; importing it defines nothing more.
__default__: Pure
