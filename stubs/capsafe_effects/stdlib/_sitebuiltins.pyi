# exit() and quit() close standard input, then raise SystemExit.
class Quitter:
    __default__: Pure
    def __call__(self, code=...) -> Performs[Stdin]: ...
# copyright, credits, license: texts out of files, a page at a time.
class _Printer:
    __default__: Pure
    def __call__(self) -> Performs[Stdin | Stdout | ReadFile]: ...
class _Helper:
    __default__: Pure
    def __call__(self, request=...) -> Performs[Stdio] | Unknown["help() imports and inspects what it is asked about"]: ...
