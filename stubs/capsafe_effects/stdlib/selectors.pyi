# As select.
__default__: Pure
