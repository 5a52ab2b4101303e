"""The closures of one file under check: mypy's module and checker in, mypy's errors out.

Knows how to find the calls that run closures, and how findings become mypy errors. It refuses to know effects
(``capsafe.effects``). Whatever goes wrong inside is an error at the call, never silence.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.checker_state import checker_state
from mypy.nodes import Context, MypyFile
from mypy.state import state

from capsafe.effects.check import Checker, Site
from capsafe.effects.engine import Engine
from capsafe.effects.language import Python
from capsafe.effects.messages import Finding
from capsafe.effects.source import Sources
from capsafe.effects.stubs import Stubs
from capsafe_mypy import errorcodes
from capsafe_mypy.fullnames import CLOSURE_METHODS, SANDBOX
from capsafe_mypy.grants import NOTHING, Granted, granted, replace_refusals, unreadable
from capsafe_mypy.positions import Positions
from capsafe_mypy.types import MypyTypes

if TYPE_CHECKING:
    from mypy.checker import TypeChecker


@dataclass(frozen=True, slots=True)
class Found:
    """One attribute of a sandbox that runs closures (``execute``, ...), and the call that it is the callee of."""

    node: ast.Attribute
    call: ast.Call | None
    granted: Granted
    sandbox: object


def check_file(
    chk: "TypeChecker",
    tree: MypyFile,
    stubs: Stubs,
    locate: Callable[[str, str | None], str | None],
    text: str | None = None,
) -> None:
    """Report what is wrong with the closures of a file that mypy has just checked.

    ``locate`` gives the file with the source of a module, from its name and the file in which mypy found it; ``text``
    is the source of this one where it lies in no file.
    """
    with state.strict_optional_set(chk.options.strict_optional), checker_state.set(chk):
        context = Context(1, 0)
        paths = {tree.fullname: tree.path}
        given = {} if text is None else {tree.fullname: text}
        sources = Sources(lambda module: paths.get(module) or locate(module, types.path(module)), given)
        types = MypyTypes(chk, tree.path, context, Positions((), "", characters=False))
        source = sources.get(tree.fullname)
        if source is None:
            return
        positions = Positions(chk._type_maps, source.text, characters=chk.options.native_parser)  # noqa: SLF001 - the only way to expression types by place
        types = MypyTypes(chk, tree.path, context, positions)
        checker = Checker(Engine(types, stubs, sources, Python()), source)
        report = Reporter(chk, positions)
        found: list[Found] = []
        for step in (_find_closures, _check_grants, _check_closures):
            try:
                step(checker, report, found)
            except Exception as error:  # noqa: BLE001 - whatever fails in here must be an error of the user's program
                report.defect(error, source.tree)
        replace_refusals(chk, tree.path, checker)


def _find_closures(checker: Checker, report: "Reporter", found: list[Found]) -> None:
    del report
    found.extend(_closures(checker))
    for one in found:
        if one.call is not None:
            checker.prepare(Site(one.call, one.node.attr, one.granted.ambient, one.granted.broker), one.sandbox)


def _check_grants(checker: Checker, report: "Reporter", closures: list[Found]) -> None:
    del closures
    for finding in unreadable(checker):
        report.finding(finding)


def _check_closures(checker: Checker, report: "Reporter", closures: list[Found]) -> None:
    for node in _taken(checker):
        report.value_taken(node)
    for found in closures:
        if found.call is None:
            report.value_taken(found.node)
            continue
        site = Site(found.call, found.node.attr, found.granted.ambient, found.granted.broker)
        try:
            findings = list(checker.check(site))
        except Exception as error:  # noqa: BLE001 - whatever fails in here must be an error of the user's program
            report.defect(error, found.call)
            continue
        for finding in findings:
            report.finding(finding)


def _closures(checker: Checker) -> Iterator[Found]:
    for node, parent in checker.attributes(CLOSURE_METHODS):
        kind = checker.value_at(node.value).type
        call = parent if isinstance(parent, ast.Call) and parent.func is node else None
        if checker.is_class(node.value, SANDBOX):
            yield Found(node, None, NOTHING, None)  # ``Sandbox.execute(sandbox, ...)``
            continue
        if SANDBOX in checker.engine.types.classes(kind):
            yield Found(node, call, granted(kind), kind)
        elif call is not None and not checker.engine.types.is_known(kind) and checker.takes_function(call):
            # It may be a sandbox: what can't be told is checked as one that lets nothing be ambient.
            yield Found(node, call, NOTHING, None)


def _taken(checker: Checker) -> Iterator[ast.Call]:
    """Yield each ``getattr(sandbox, "execute")``: the method taken by a name that is a string."""
    for node in ast.walk(checker.source.tree):
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[base, ast.Constant(value=str() as name), *_]):
                kind = checker.value_at(base).type if name in CLOSURE_METHODS else None
                if SANDBOX in checker.engine.types.classes(kind):
                    yield node
            case _:
                pass


class Reporter:
    """Errors and notes at nodes of ``ast``, each only once."""

    def __init__(self, chk: "TypeChecker", positions: Positions) -> None:
        """Take the checker that reports, and how columns are counted."""
        self._chk = chk
        self._positions = positions
        self._said: set[tuple[str, str, int, int]] = set()

    def finding(self, finding: Finding) -> None:
        """Report a finding with its notes, once."""
        if self.fail(finding.code, finding.message, finding.node):
            for note in finding.notes:
                self.note(finding.code, note, finding.node)

    def fail(self, code: str, message: str, node: ast.AST) -> bool:
        """Report an error; return whether it is a new one."""
        context = self._context(node)
        key = (code, message, context.line, context.column)
        if key in self._said:
            return False
        self._said.add(key)
        self._chk.fail(message, context, code=errorcodes.BY_NAME[code])
        return True

    def value_taken(self, node: ast.expr) -> None:
        """Report a method that runs closures and is taken as a value instead of being called."""
        text = ast.unparse(node)
        self.fail("capsafe-unknown", f"{text} is taken as a value: the closures it runs can't be seen", node)
        self.note("capsafe-unknown", "write sandbox.execute(closure) where the closure is", node)

    def defect(self, error: Exception, node: ast.AST) -> None:
        """Report a failure of the analysis itself."""
        what = f"{type(error).__name__}: {error}"
        message = f"the closures here could not be analysed: {what}; this is a defect of capsafe, please report it"
        self.fail("capsafe-unknown", message, node)

    def note(self, code: str, message: str, node: ast.AST) -> None:
        """Add a line below the error."""
        self._chk.note(message, self._context(node), code=errorcodes.BY_NAME[code])

    def _context(self, node: ast.AST) -> Context:
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        context = Context(line, self._positions.column(line, offset))
        context.end_line = getattr(node, "end_lineno", None)
        end = getattr(node, "end_col_offset", None)
        if context.end_line is not None and end is not None:
            context.end_column = self._positions.column(context.end_line, end)
        return context
