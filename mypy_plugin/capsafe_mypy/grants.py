"""Grants at check time: sandboxes whose grant can't be read when they run, and broker calls that were not granted.

Knows the forms of ``Sandbox[...]()`` and what mypy says of a self type that does not fit. It refuses to know closures.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Final

from mypy.maptype import map_instance_to_supertype
from mypy.nodes import Context, TypeInfo
from mypy.types import AnyType, Instance, Type, TypeVarLikeType, UnionType, get_proper_type

from capsafe.effects.check import Checker
from capsafe.effects.messages import Finding
from capsafe.effects.model import Definition
from capsafe_mypy import errorcodes
from capsafe_mypy.fullnames import AMBIENT, CAPABILITY, SANDBOX

if TYPE_CHECKING:
    from mypy.checker import TypeChecker
    from mypy.errors import ErrorInfo

SELF_TYPE: Final = re.compile(
    r'Invalid self argument "(?P<class>Broker|BrokerPath)\[(?P<granted>.*)\]" to attribute function "(?P<name>\w+)" '
    r'with type "(?P<type>.*)"$'
)
OVERLOAD: Final = re.compile(r'No overload variant of "open" of "(?P<class>Broker|BrokerPath)" matches argument')
VARIANTS: Final = ("Possible overload variant", "    def ")
UNCOVERED: Final = 'not covered by "type: ignore['
WAY_OUT: Final = "write the capabilities in brackets, as in Sandbox[ReadFile](), or Sandbox[Never]() to grant nothing"


def unreadable(checker: Checker) -> Iterator[Finding]:
    """Yield a finding for each construction of a sandbox whose type argument can't be read back when it runs."""
    for node in ast.walk(checker.source.tree):
        if not isinstance(node, ast.Call):
            continue
        subscripted = isinstance(node.func, ast.Subscript)
        base = node.func.value if isinstance(node.func, ast.Subscript) else node.func
        if not isinstance(base, ast.Name | ast.Attribute):
            continue
        for target in checker.value_at(base).targets:
            facts = checker.engine.types.class_facts(target.fullname) if isinstance(target, Definition) else None
            if isinstance(target, Definition) and checker.engine.types.is_known(
                checker.engine.types.alias(target.fullname)
            ):
                subscripted = True  # an alias that was given its arguments is what runs
            if facts is not None and SANDBOX in facts.family and isinstance(target, Definition):
                reason = _reason(checker, node, target.fullname, subscripted=subscripted)
                if reason is not None:
                    yield Finding("capsafe-grant", reason, (WAY_OUT,), node)


def _reason(checker: Checker, node: ast.Call, class_: str, *, subscripted: bool) -> str | None:
    text = ast.unparse(node.func)
    if not subscripted and not _fixed(checker, class_):
        return (
            f"{text}() has no type argument: at run time nothing says what it grants, and no annotation is seen there"
        )
    kind = get_proper_type(_type(checker, node))
    if not isinstance(kind, Instance):
        return None
    base = next((b for b in kind.type.mro if b.fullname == SANDBOX), None)
    if base is None:
        return None
    for argument in map_instance_to_supertype(kind, base).args:
        wrong = _unreadable(argument)
        if wrong is not None:
            return f"{text}() grants {wrong}, which can't be read at run time"
    return None


def _type(checker: Checker, node: ast.expr) -> Type | None:
    found = checker.value_at(node).type
    return found if isinstance(found, Type) else None


def _fixed(checker: Checker, class_: str) -> bool:
    """Return whether a class says its grant itself, in the bases of its definition or of one above it."""
    facts = checker.engine.types.class_facts(class_)
    for name in facts.family if facts is not None else ():
        if name == SANDBOX:
            return False
        for definition in checker.engine.sources.classes(name):
            if any(isinstance(base, ast.Subscript) and not _is_free(checker, name) for base in definition.bases):
                return True
    return False


def _is_free(checker: Checker, class_: str) -> bool:
    """Return whether a class of sandboxes is generic itself, so that it needs an argument too."""
    kind = checker.engine.types.instance(class_)
    found = get_proper_type(kind) if isinstance(kind, Type) else None
    info: TypeInfo | None = found.type if isinstance(found, Instance) else None
    return info is not None and bool(info.type_vars)


def _unreadable(argument: Type) -> str | None:
    found = get_proper_type(argument)
    if isinstance(found, UnionType):
        return next((wrong for item in found.items if (wrong := _unreadable(item)) is not None), None)
    if isinstance(found, AnyType):
        return "Any"
    if isinstance(found, TypeVarLikeType):
        return f"the type variable {found.name}"
    if isinstance(found, Instance) and found.type.fullname == CAPABILITY:
        return "Capability, the root of them all"
    return None


@dataclass(frozen=True, slots=True)
class Granted:
    """The names of the capabilities that a sandbox's type grants: to its broker, and as ambient."""

    broker: frozenset[str]
    ambient: frozenset[str]

    def __and__(self, other: "Granted") -> "Granted":
        """Return what both grant."""
        return Granted(self.broker & other.broker, self.ambient & other.ambient)

    def __or__(self, other: "Granted") -> "Granted":
        """Return what either grants."""
        return Granted(self.broker | other.broker, self.ambient | other.ambient)


NOTHING: Final = Granted(frozenset(), frozenset())


def granted(of: object) -> Granted:
    """Return what a sandbox's type grants; of a union, what each item does."""
    found = get_proper_type(of) if isinstance(of, Type) else None
    if isinstance(found, UnionType):
        return reduce(and_, (granted(item) for item in found.items))
    if not isinstance(found, Instance):
        return NOTHING
    base = next((b for b in found.type.mro if b.fullname == SANDBOX), None)
    if base is None:
        return NOTHING
    return reduce(or_, (_granted(argument) for argument in map_instance_to_supertype(found, base).args), NOTHING)


def _granted(argument: Type) -> Granted:
    found = get_proper_type(argument)
    if isinstance(found, UnionType):
        return reduce(or_, (_granted(item) for item in found.items))
    if not isinstance(found, Instance):
        return NOTHING
    if found.type.fullname == AMBIENT:
        return reduce(or_, (Granted(frozenset(), _granted(inner).broker) for inner in found.args), NOTHING)
    return Granted(frozenset({found.type.name}), frozenset())


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of mypy's errors about a broker's self type, said again so that it teaches."""

    message: str
    note: str


def refusal(message: str) -> Refusal | None:
    """Return what to say instead of one of mypy's messages, None when it is about something else."""
    found = SELF_TYPE.match(message)
    if found is None:
        return None
    needed = _bracketed(found["type"], f"{found['class']}[")
    if needed is None:
        what = _call_text(found["class"], found["name"])
        return Refusal(f"{what} is not granted by Sandbox[{_readable(found['granted'])}]", "see its docstring")
    return _refused(found["class"], found["name"], found["granted"], _readable(needed).split(" | "))


def _refused(class_: str, name: str, granted_text: str, needed: list[str]) -> Refusal:
    granted = _readable(granted_text)
    has = [] if granted == "Never" else granted.split(" | ")
    missing = [n for n in needed if n not in has]
    return Refusal(
        f"{_call_text(class_, name)} needs {' | '.join(missing or needed)}, which Sandbox[{granted}] does not grant",
        f"write Sandbox[{' | '.join([*has, *missing])}] to grant it",
    )


def _call_text(class_: str, name: str) -> str:
    return f"broker.{name}" if class_ == "Broker" else f"path.{name}"


def _bracketed(text: str, opening: str) -> str | None:
    """Return what stands between ``opening`` and the bracket that closes it."""
    _, found, rest = text.partition(opening)
    depth = 1
    for position, character in enumerate(rest if found else ""):
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth == 0:
            return rest[:position]
    return None


def _readable(text: str) -> str:
    """Return a type as users write it: without the scopes that mean anywhere."""
    return re.sub(r"\[(?:str|Never)\]", "", text).replace("Literal[", "L[")


def _mode_refusal(checker: Checker, info: "ErrorInfo", class_: str) -> Refusal | None:
    """Return what to say of ``open`` with a mode that was not granted; mypy lists all variants there."""
    for node in ast.walk(checker.source.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "open"):
            continue
        if node.lineno != info.line or not node.lineno <= info.line <= (node.end_lineno or node.lineno):
            continue
        place = 1 if class_ == "Broker" else 0
        modes = [k.value for k in node.keywords if k.arg == "mode"] or node.args[place : place + 1]
        mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r"
        kind = checker.value_at(node.func.value).type
        granted = _bracketed(checker.engine.types.show(kind), f"{class_}[")
        if not isinstance(mode, str) or granted is None:
            return None
        granted = granted.replace("capsafe.capabilities.", "")
        reads, writes = set(mode) & set("r+"), set(mode) & set("wax+")
        needed = [*(["ReadFile"] if reads else []), *(["WriteFile"] if writes else [])]
        has = _readable(granted).split(" | ")
        return _refused(class_, "open", granted, needed) if set(needed) - set(has) else None
    return None


def replace_refusals(chk: "TypeChecker", path: str, checker: Checker) -> None:
    """Say mypy's errors about ungranted broker calls in capsafe's words, under capsafe's code.

    The original is taken out and reported anew, so that ``# type: ignore[capsafe-grant]`` is what silences it.
    """
    errors = getattr(chk.msg.errors, "error_info_map", None)
    if not isinstance(errors, dict) or path not in errors:
        return  # mypy's own words stay: they are right, if less kind
    said: list[tuple[ErrorInfo, Refusal]] = []
    for info in errors[path]:
        found = OVERLOAD.match(info.message) if info.severity == "error" else None
        instead = refusal(info.message) if found is None else _mode_refusal(checker, info, found["class"])
        if instead is not None:
            said.append((info, instead))
    gone = [info for info, _ in said]
    lines = {info.line for info in gone}
    errors[path][:] = [i for i in errors[path] if i not in gone and not _belongs(i, gone, lines)]
    for info, instead in said:
        context = Context(info.line, info.column)
        context.end_line, context.end_column = info.end_line, info.end_column
        chk.fail(instead.message, context, code=errorcodes.GRANT)
        chk.note(instead.note, context, code=errorcodes.GRANT)


def _belongs(info: "ErrorInfo", gone: "list[ErrorInfo]", lines: set[int]) -> bool:
    """Return whether a note explains an error that was taken out."""
    if info.severity != "note" or info.line not in lines:
        return False
    return info.parent_error in gone or UNCOVERED in info.message or info.message.startswith(VARIANTS)
