# Reviewed: handlers that do nothing, to be subclassed.
__default__: Pure
class ErrorHandler:
    # Prints what is no error.
    def warning(self, exception) -> Performs[Stdout]: ...
