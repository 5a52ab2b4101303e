__default__: Pure
