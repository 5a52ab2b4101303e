"""Dispatch: which of mypy's hooks leads to which check.

Knows mypy's plugin interface alone. It hooks no names but capsafe's own, since the first plugin's hook wins.
"""

import gc
from typing import TYPE_CHECKING, Final

from mypy.nodes import MypyFile
from mypy.options import Options
from mypy.plugin import Plugin, ReportConfigContext

from capsafe.effects.stubs import Stubs, load_stubs
from capsafe_mypy.dependencies import Dependencies
from capsafe_mypy.execute import check_file

if TYPE_CHECKING:
    from mypy.checker import TypeChecker


PROGRAM: Final = "<string>"  # the path that mypy gives to the program of -c


class CapsafePlugin(Plugin):
    """The checker of capsafe, as mypy calls it."""

    def __init__(self, options: Options) -> None:
        """Take mypy's options; nothing is read before a module asks for it."""
        super().__init__(options)
        self._stubs: Stubs | None = None
        self._dependencies = Dependencies(options)

    @property
    def stubs(self) -> Stubs:
        """The effect stubs, loaded on the first use."""
        if self._stubs is None:
            self._stubs = load_stubs()
        return self._stubs

    def report_config_data(self, ctx: ReportConfigContext) -> object:
        """Return a digest of all that a module's verdict rests on, so that mypy checks it again when that changes."""
        return self._dependencies.digest(ctx.id, ctx.path, self.stubs)

    def get_additional_indirect_deps(self, file: MypyFile) -> set[str]:
        """Check the closures of a module: it has just been checked, so all types are there."""
        text = _text_of(file) if file.path == PROGRAM else None
        if self._dependencies.may_matter(file.fullname, file.path, text):
            checker = _checker_of(file)
            # Of installed packages mypy reports nothing, so there is nothing to look for.
            if file.path not in checker.msg.errors.ignored_files:
                check_file(checker, file, self.stubs, self._dependencies.locate, text)
        return set()


def _text_of(file: MypyFile) -> str:
    """Return the text of a program that was given on mypy's command line, and so lies in no file."""
    for referrer in gc.get_referrers(file):
        if type(referrer).__name__ == "State" and isinstance(referrer.source, str):
            return referrer.source
    raise LookupError("capsafe: the program given by -c was not found, so it was not checked; put it in a file")


def _checker_of(file: MypyFile) -> "TypeChecker":
    """Return the checker of a module. mypy hands it to hooks on calls alone, and unannotated functions have none."""
    for referrer in gc.get_referrers(file):
        if type(referrer).__name__ == "TypeChecker" and referrer.tree is file:
            return referrer  # type: ignore[no-any-return] # told by its name: importing the class would be a cycle
    raise LookupError(f"capsafe: mypy's checker of {file.fullname} was not found; the closures in it were not checked")
