# Reviewed: the compiler behind re; text in, tables out.
__default__: Pure
