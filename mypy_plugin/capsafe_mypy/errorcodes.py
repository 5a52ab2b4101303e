"""DATA: the error codes, which ``# type: ignore[...]`` and ``disable_error_code`` know like mypy's own."""

from typing import Final

from mypy.errorcodes import ErrorCode

CATEGORY: Final = "capsafe"

AMBIENT: Final = ErrorCode("capsafe-ambient", "A closure performs an effect that is not its broker's", CATEGORY)
CAPTURE: Final = ErrorCode("capsafe-capture", "A closure captures a value that holds authority", CATEGORY)
UNKNOWN: Final = ErrorCode("capsafe-unknown", "What a closure calls can't be seen", CATEGORY)
GRANT: Final = ErrorCode("capsafe-grant", "A grant can't be read, or lacks what a broker call needs", CATEGORY)
UNUSED: Final = ErrorCode("capsafe-unused", "A capability is granted that no closure of the sandbox uses", CATEGORY)
SCOPE: Final = ErrorCode("capsafe-scope", "A literal argument lies outside the granted scope", CATEGORY)
TRANSFER: Final = ErrorCode("capsafe-transfer", "An argument or a result can't cross the process boundary", CATEGORY)

#: All seven are known to mypy from the start, so that a configuration may name any of them.
BY_NAME: Final = {code.code: code for code in (AMBIENT, CAPTURE, UNKNOWN, GRANT, UNUSED, SCOPE, TRANSFER)}
