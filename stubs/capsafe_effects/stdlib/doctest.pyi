# Runs the examples of docstrings and files.
__default__: Unknown["runs the examples of docstrings"]
__import__: Pure
class TestResults:
    __default__: Pure
class Example:
    __default__: Pure
class DocTest:
    __default__: Pure
class DocTestParser:
    __default__: Pure
class OutputChecker:
    __default__: Pure
def register_optionflag(name) -> Pure: ...
def script_from_examples(s) -> Pure: ...
