"""What is said of a violation: the line, the path to the primitive, and what to write instead.

Knows wording. It refuses to know how violations are found.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from capsafe.effects.known import REPAIRS
from capsafe.effects.model import Effect, Frame

Code = Literal["capsafe-ambient", "capsafe-capture", "capsafe-unknown", "capsafe-grant"]
SHOWN: Final = 5  # frames of a path; more is noise, and the ends are what matters
INSTALLED: Final = "-packages/"  # the part of a path that says whose code it is
LONGEST: Final = 60  # characters of code in a message


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation: its code, its line, the notes below it, and the node that it stands at."""

    code: Code
    message: str
    notes: tuple[str, ...]
    node: ast.AST


def describe(effect: Effect, node: ast.AST, text: str, *, closure: str, passed: bool = False) -> Finding:
    """Return the finding for an effect that ``text``, an expression of ``closure``, leads to."""
    path = tuple(_frame(frame) for frame in _shortened(effect.witness))
    match effect.kind:
        case "performs":
            return _ambient(effect, node, path)
        case "holds":
            return _capture(effect, node, path, closure, passed=passed)
        case _:
            return _unknown(effect, node, text, path)


def with_others(finding: Finding, others: Sequence[Effect]) -> Finding:
    """Return a finding that names the other ways in which the same expression comes to the same effect."""
    names = list(dict.fromkeys(_called(e.what, read=e.how == "read") for e in others if e.kind == "performs"))
    names = [name for name in names if not finding.message.startswith(f"{name} ")]
    if not names:
        return finding
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    note = f"  the same by {', '.join(names[:SHOWN])}{more}"
    return replace(finding, notes=(*finding.notes[:-1], note, *finding.notes[-1:]))


def with_missing(finding: Finding, missing: frozenset[str]) -> Finding:
    """Return a finding whose way out says that the sandbox must grant the capabilities, where it does not."""
    *before, last = finding.notes
    way, separator, rest = last.partition("; ")
    if not missing or not separator:
        return finding
    return replace(finding, notes=(*before, f"{way}, and grant {capabilities_text(missing)}; {rest}"))


def _ambient(effect: Effect, node: ast.AST, path: tuple[str, ...]) -> Finding:
    needs = capabilities_text(effect.capabilities)
    primitive = _called(effect.what, read=effect.how == "read")
    if effect.what.startswith("import "):
        message = f"{effect.what} is ambient: it needs {needs} and does not ask the broker"
        return Finding("capsafe-ambient", message, (*path, "move the import to the top of the module"), node)
    reached = _reached(effect.witness)
    message = f"{primitive} is ambient: it needs {needs} and does not ask the broker{reached}"
    return Finding("capsafe-ambient", message, (*path, *_repair(effect)), node)


def _repair(effect: Effect) -> tuple[str, ...]:
    needs = capabilities_text(effect.capabilities)
    instead = REPAIRS.get(effect.what)
    sentence = f"write {instead}" if instead else "use the broker"
    if effect.witness and INSTALLED in effect.witness[-1].path:
        package = effect.witness[-1].function.partition(".")[0]
        return (f"do it outside the sandbox, or grant Ambient[{needs}] to {package}, which takes no broker",)
    if effect.witness:
        last = effect.witness[-1].function.replace(".<locals>", "")
        sentence = f"pass the broker down to {last}() and {sentence if instead else 'use it'} there"
    return (f"{sentence}; where no broker can be passed, grant Ambient[{needs}]",)


def _capture(effect: Effect, node: ast.AST, path: tuple[str, ...], closure: str, *, passed: bool) -> Finding:
    how = "is passed to" if passed else "is captured by" if not effect.witness else "is reached from"
    message = f"{effect.what}, which holds authority and {how} {closure}{_reached(effect.witness)}"
    hint = "open it inside the closure with the broker, or pass the data that it gives"
    return Finding("capsafe-capture", message, (*path, hint), node)


def _unknown(effect: Effect, node: ast.AST, text: str, path: tuple[str, ...]) -> Finding:
    message = f"what {_short(text)} does can't be seen: {effect.what}{_reached(effect.witness)}"
    hint = "annotate its type, call a function that can be seen, or declare its effects in a stub"
    return Finding("capsafe-unknown", message, (*path, hint), node)


def capabilities_text(names: frozenset[str]) -> str:
    """Return capabilities as a type is written."""
    return " | ".join(sorted(names))


def _called(fullname: str, *, read: bool) -> str:
    name = fullname.removeprefix("builtins.")
    return name if read else f"{name}()"


def _reached(witness: tuple[Frame, ...]) -> str:
    if not witness:
        return ""
    return f" (reached via {' -> '.join(_step(f) for f in _shortened(witness))})"


def _step(frame: Frame | None) -> str:
    return "..." if frame is None else frame.function.replace(".<locals>", "")


def _shortened(witness: tuple[Frame, ...]) -> tuple[Frame | None, ...]:
    if len(witness) <= SHOWN:
        return witness
    return (*witness[: SHOWN - 2], None, witness[-1])


def _frame(frame: Frame | None) -> str:
    if frame is None:
        return "  ..."
    return f"  {_step(frame)} ({_relative(frame.path)}:{frame.line}): {_short(frame.uses)}"


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
