"""DATA: the error codes, which ``# type: ignore[...]`` and ``disable_error_code`` know like mypy's own."""

from typing import Final

from mypy.errorcodes import ErrorCode

CATEGORY: Final = "capsafe"

AMBIENT: Final = ErrorCode("capsafe-ambient", "A closure performs an effect that is not its broker's", CATEGORY)
CAPTURE: Final = ErrorCode("capsafe-capture", "A closure captures a value that holds authority", CATEGORY)
UNKNOWN: Final = ErrorCode("capsafe-unknown", "What a closure calls can't be seen", CATEGORY)
GRANT: Final = ErrorCode("capsafe-grant", "A grant can't be read, or lacks what a broker call needs", CATEGORY)

BY_NAME: Final = {code.code: code for code in (AMBIENT, CAPTURE, UNKNOWN, GRANT)}
