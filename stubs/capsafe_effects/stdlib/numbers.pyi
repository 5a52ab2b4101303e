# Reviewed: abstract classes; what does the work is the class of the number.
__default__: Pure
