"""Effects of bodies: events of each, joined over all that they call, to a fixpoint.

Knows how a use of a value becomes effects. It refuses to know which effects are wanted (``check``). Recursion is
solved by iteration: the body at which a cycle is entered is computed again until nothing new is learned.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from capsafe.effects import known
from capsafe.effects.authority import held_by
from capsafe.effects.binding import bind_call, defaulted, item_type
from capsafe.effects.construct import constructed
from capsafe.effects.engine import UNSEEN, Engine
from capsafe.effects.fixpoint import Fixpoint
from capsafe.effects.members import UNRESOLVED
from capsafe.effects.model import (
    NOTHING,
    Argument,
    Bound,
    Data,
    Definition,
    Effect,
    Event,
    Frame,
    Item,
    Local,
    Module,
    Object,
    Opaque,
    Parameter,
    Summary,
    Super,
    Target,
    Value,
)
from capsafe.effects.source import Function
from capsafe.effects.stubs import NOT_LITERAL, Actual, Clause

DEEPEST: Final = 6  # calls of a body within itself with other arguments each time: past this nothing new is found


NONE: Final = ("types.NoneType", "builtins.object")


class Inference:
    """The summaries of all bodies that were asked for."""

    def __init__(self, engine: Engine, loaded: Callable[[str], bool] = lambda _: False) -> None:
        """Take the engine that resolves names and bodies, and which modules are surely imported already."""
        self.engine = engine
        self.loaded = loaded
        self._summaries: dict[str, Summary] = {}
        self._calls: dict[tuple[str, frozenset[object]], Summary] = {}
        self._depths: dict[str, int] = {}
        self._fixpoint = Fixpoint()
        self._imports: dict[str, tuple[Effect, ...]] = {}

    # Summaries --------------------------------------------------------------------------------------------------

    def summary(self, function: Function) -> Summary:
        """Return the effects of running the body, its own parameters' still open."""
        summary = self._summaries.setdefault(function.key, Summary())
        self._fixpoint.solve(function.key, lambda: self._compute(function, summary))
        return summary

    def _compute(self, function: Function, summary: Summary) -> bool:
        changed = False
        for event in self.engine.facts(function).events:
            frame = frame_of(function, event)
            changed |= summary.update_from(e.through(frame) for e in self.event(event))
        return changed

    def event(self, event: Event) -> Iterator[Effect]:
        """Yield what one event does, with witnesses that begin in what it calls."""
        match event.how:
            case "()":
                yield from self.call(event.value, event.arguments)
            case "*":
                yield from self.use(event.value)
            case "read":
                for target in event.value.targets:
                    if isinstance(target, Definition):
                        found = self._declared(target.fullname, (), None)
                        yield from (replace(e, how="read") if e.kind == "performs" else e for e in found)
            case "hold":
                held = held_by(self.engine.types, event.value.type) or "authority"
                yield Effect("holds", f"{event.text} is {held}")
            case "import" | "import late":
                for target in event.value.targets:
                    if isinstance(target, Module) and not (event.how == "import late" and self.loaded(target.fullname)):
                        if event.how == "import late":
                            yield Effect("performs", f"import {target.fullname}", frozenset({"Import"}), how="read")
                        yield from self.imported(target.fullname)
            case _:  # pragma: no cover - the list above is all there is
                yield Effect("unknown", f"an event of kind {event.how!r}")

    # Calls ------------------------------------------------------------------------------------------------------

    def call(self, callee: Value, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        """Yield what calling a value does."""
        if not callee.targets:
            yield from self._call_by_type(callee, arguments)
        for target in callee.targets:
            yield from self._call_target(target, callee, arguments)

    def _call_by_type(self, callee: Value, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        types = self.engine.types
        if callee.contents and not types.is_known(callee.type):
            for target in callee.contents:
                yield from self._call_target(target, callee, arguments)
            return
        if types.classes(callee.type) == NONE:
            return  # calling None does nothing but fail
        members = types.members(callee.type, "__call__") if types.classes(callee.type) else ()
        if members and not types.is_callable(callee.type):
            for member in members:
                yield from self._call_target(Bound(member.fullname, callee), callee, arguments)
        elif types.is_known(callee.type):
            yield Effect("unknown", f"which function this is can't be seen from its type, {types.show(callee.type)}")
        else:
            yield Effect("unknown", "its type is not known")

    def _call_target(self, target: Target, callee: Value, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        match target:
            case Definition():
                yield from self.definition(target.fullname, arguments)
            case Bound():
                yield from self._bound(target, arguments)
            case Local():
                function = self.engine.function(target.key)
                yield from self._defaults(function, None, arguments)
                function, bound = bind_call(self.engine, function, None, arguments)
                yield from self.instantiate(function, {**dict(target.bindings), **bound})
            case Parameter() | Item():
                members = self.engine.types.members(callee.type, "__call__")
                default = None
                if members and not self.engine.types.is_callable(callee.type):
                    default = members[0].fullname
                yield _uses(target, "()", default, arguments)
            case Opaque():
                yield Effect("unknown", target.reason)
            case Object():
                own = self.engine.types.class_member(target.fullname, "__call__")
                if own is not None:
                    yield from self._method(own.fullname, self._instance(target), arguments)
            case Super() | Data() | Module():
                pass

    def definition(self, fullname: str, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        """Yield what calling a function or constructing a class does."""
        engine = self.engine
        if engine.is_broker(fullname):
            return
        if engine.stubs.find(fullname) is not None:
            yield from self._declared(fullname, arguments, None)
        elif engine.is_class(fullname):
            for value, passed in constructed(engine, fullname, arguments):
                yield from self.call(value, passed)
        else:
            yield from self._bodies(fullname, None, arguments)

    def _bodies(self, fullname: str, receiver: Value | None, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        functions = self.engine.sources.functions(fullname)
        if not functions and not self.engine.is_generated(fullname):
            yield Effect("unknown", f"{fullname} {UNSEEN}")
        for function in functions:
            if self.engine.types.is_abstract(fullname):
                yield Effect("unknown", f"{fullname} is abstract, and which class it is here can't be seen")
                continue
            replaced = self.engine.decorated(function)
            if replaced is not None:
                passed = arguments if receiver is None else (Argument(receiver), *arguments)
                yield from self.call(replaced, passed)
            else:
                yield from self._defaults(function, receiver, arguments)
                yield from self.instantiate(*bind_call(self.engine, function, receiver, arguments))

    def _defaults(
        self, function: Function, receiver: Value | None, arguments: tuple[Argument, ...]
    ) -> Iterator[Effect]:
        """Yield the defaults of a function that hold authority and are taken in a call."""
        for name, default in defaulted(function, receiver, arguments):
            held = held_by(self.engine.types, self.engine.default(function, default).type)
            if held is not None:
                frame = Frame(function.name, function.path, default.lineno, f"{name}={ast.unparse(default)}")
                yield Effect("holds", f"{ast.unparse(default)}, the default of {name!r}, is {held}", witness=(frame,))

    def _bound(self, target: Bound, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        engine, receiver = self.engine, target.receiver
        name = target.fullname.rpartition(".")[2]
        if target.exact:
            yield from self._method(target.fullname, receiver, arguments)
            return
        parameters = [t for t in receiver.targets if isinstance(t, Parameter | Item)]
        unresolved = target.fullname.startswith(UNRESOLVED)
        if parameters and not engine.is_final(receiver.type) and not engine.is_broker(target.fullname):
            default = None if unresolved else target.fullname
            for parameter in parameters:
                yield _uses(parameter, f".{name}", default, arguments)
            return
        members = engine.types.members(receiver.type, name)
        names = [m.fullname for m in members]
        for held in receiver.targets:
            if isinstance(held, Object):
                own = engine.types.class_member(held.fullname, name)
                yield from () if own is None else self._method(own.fullname, self._instance(held), arguments)
        if not names and not unresolved:
            names = [target.fullname]
        for fullname in dict.fromkeys(names):
            yield from self._method(fullname, receiver, arguments)
        if not names:
            yield from self._untyped(receiver, name, arguments)

    def _instance(self, held: Object) -> Value:
        return Value(self.engine.types.instance(held.fullname), made=held.made)

    def _untyped(self, receiver: Value, name: str, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        engine = self.engine
        if not receiver.targets and not receiver.contents:
            kind = engine.types.show(receiver.type) if engine.types.is_known(receiver.type) else "of unknown type"
            yield Effect("unknown", f"{name!r} of a value that is {kind}")
        for target in receiver.targets | receiver.contents:
            match target:
                case Module():
                    yield from self.call(engine.module_attribute(target.fullname, name), arguments)
                case Definition() if engine.is_class(target.fullname):
                    member = engine.types.class_member(target.fullname, name)
                    if member is not None:
                        yield from self._method(member.fullname, receiver, arguments)
                    else:
                        yield Effect("unknown", f"{target.fullname} has no {name!r} that can be seen")
                case Data() | Object():
                    pass
                case Opaque():
                    yield Effect("unknown", target.reason)
                case _:
                    yield Effect("unknown", f"the attribute {name!r} of a function")

    def _method(self, fullname: str, receiver: Value, arguments: tuple[Argument, ...]) -> Iterator[Effect]:
        if self.engine.is_broker(fullname):
            return
        if self.engine.stubs.find(fullname) is not None:
            yield from self._declared(fullname, arguments, receiver)
        else:
            yield from self._bodies(fullname, receiver, arguments)

    def instantiate(self, function: Function, bindings: Mapping[Parameter, Value]) -> Iterable[Effect]:
        """Return the effects of a body in one call: what it uses of its parameters is what they stand for."""
        summary = self.summary(function)
        used = {e.parameter for e in summary if e.parameter is not None}
        if not used:
            return tuple(summary)
        # Only what the body uses tells one call from another.
        show = self.engine.types.show
        passed = frozenset((p, show(v.type), v.targets, v.contents) for p, v in bindings.items() if p in used)
        key = (function.key, passed)
        if key not in self._calls and self._depths.get(function.key, 0) >= DEEPEST:
            return ()
        found = self._calls.setdefault(key, Summary())
        self._depths[function.key] = self._depths.get(function.key, 0) + 1
        self._fixpoint.solve(key, lambda: found.update_from(self._instantiate(function, bindings)))
        self._depths[function.key] -= 1
        return tuple(found)

    def _instantiate(self, function: Function, bindings: Mapping[Parameter, Value]) -> Iterator[Effect]:
        for effect in tuple(self.summary(function)):
            parameter = effect.parameter
            if effect.kind != "uses" or parameter is None:
                yield effect
            elif parameter in bindings:
                yield from self.resolve(effect, bindings[parameter])
            elif parameter.owner == function.key:
                yield from self.unresolved(effect)
            else:
                yield effect

    def resolve(self, effect: Effect, value: Value) -> Iterator[Effect]:
        """Yield what a use of a parameter comes to when it stands for ``value``."""
        if effect.how.startswith("[]"):
            items = frozenset(Item(t) for t in value.targets if isinstance(t, Parameter))
            kind = item_type(self.engine, value)
            if self.engine.types.is_known(value.type) and not self.engine.types.members(value.type, "__iter__"):
                return  # it holds nothing
            value = Value(kind, value.contents | items, value.contents)
            effect = replace(effect, how=effect.how[2:])
        if effect.how == "()":
            found = self.call(value, effect.arguments)
        elif effect.how == "*":
            found = self.use(value)
        else:
            name = effect.how[1:]
            fullname = effect.default or f"{UNRESOLVED}.{name}"
            found = self._bound(Bound(fullname, value), effect.arguments)
        for inner in found:
            yield replace(inner, witness=(*effect.witness, *inner.witness))

    def unresolved(self, effect: Effect) -> Iterator[Effect]:
        """Yield what a use of a parameter comes to when nothing is known of what it stands for."""
        if effect.default is not None:
            for inner in self._method(effect.default, NOTHING, effect.arguments):
                yield replace(inner, witness=(*effect.witness, *inner.witness))
        elif not effect.how.endswith("*"):
            name = effect.parameter.name if effect.parameter else "?"
            what = "which function" if effect.how.endswith("()") else "what"
            reason = f"{what} is passed as {name!r}"
            yield Effect("unknown", f"{reason} can't be seen", witness=effect.witness)

    # Uses -------------------------------------------------------------------------------------------------------

    def use(self, value: Value) -> Iterator[Effect]:
        """Yield what code may do with a value that it is given: call it, iterate it, use its implicit methods."""
        engine = self.engine
        for target in value.targets | value.contents:
            if isinstance(target, Parameter | Item):
                yield _uses(target, "*")
            elif isinstance(target, Definition):
                yield from self._passed_on(target.fullname)
            elif isinstance(target, Object):
                yield from self._implicit(self._instance(target), known.IMPLICIT)
            else:
                yield from self._call_target(target, value, ())
        if value.targets or value.contents:
            return
        if not engine.types.is_known(value.type):
            yield Effect("unknown", "its type is not known")
        elif engine.types.is_callable(value.type):
            yield Effect(
                "unknown", f"which function this is can't be seen from its type, {engine.types.show(value.type)}"
            )
        else:
            yield from self._implicit(value, known.IMPLICIT)

    def _passed_on(self, fullname: str) -> Iterator[Effect]:
        declaration = self.engine.stubs.find(fullname)
        if declaration is None or self.engine.is_broker(fullname):
            yield from self.definition(fullname, ())
        else:
            yield from self._clause(fullname, declaration.whole())

    def _implicit(self, value: Value, names: Iterable[str], depth: int = 2) -> Iterator[Effect]:
        if depth:
            for part in self.engine.types.parts(value.type):
                yield from self._implicit(Value(part), names, depth - 1)
        for name in names:
            for member in self.engine.types.members(value.type, name):
                if self.engine.has_source(member.fullname):
                    yield from self._method(member.fullname, value, ())

    # Stubs ------------------------------------------------------------------------------------------------------

    def _declared(self, fullname: str, arguments: tuple[Argument, ...], receiver: Value | None) -> Iterator[Effect]:
        declaration = self.engine.stubs.find(fullname)
        if declaration is None:
            yield Effect("unknown", f"{fullname} {UNSEEN}")
            return
        actuals = [self._actual(a) for a in arguments]
        clause, binding = declaration.choose(actuals, bound=receiver is not None)
        yield from self._clause(fullname, clause)
        for used in clause.of:
            parameter, _, method = used.partition(".")
            values = [arguments[i].value for i in binding.get(parameter, ())]
            if parameter == "self" and receiver is not None:
                values = [receiver]
            for value in values:
                yield from self._use_as(value, method)

    def _use_as(self, value: Value, method: str) -> Iterator[Effect]:
        if not method:
            yield from self.use(value)
            return
        for target in value.targets:
            if isinstance(target, Parameter | Item):
                yield _uses(target, "*")
        members = self.engine.types.members(value.type, method)
        for member in members:
            if self.engine.has_source(member.fullname) or not method.startswith("__"):
                yield from self._method(member.fullname, value, ())

    def _actual(self, argument: Argument) -> Actual:
        literal: object = NOT_LITERAL
        if isinstance(argument.node, ast.Constant):
            literal = argument.node.value
        types, kind = self.engine.types, argument.value.type
        either = types.may_be_none(kind) and types.classes(kind) != NONE
        classes = () if argument.star or either else types.classes(kind)
        star = argument.star and not argument.mapping
        return Actual(argument.name, literal, star, argument.mapping, classes)

    @staticmethod
    def _clause(fullname: str, clause: Clause) -> Iterator[Effect]:
        if clause.performs:
            yield Effect("performs", fullname, clause.performs)
        if clause.unknown is not None:
            yield Effect("unknown", f"{fullname}: {clause.unknown}" if clause.unknown else fullname)

    # Imports ----------------------------------------------------------------------------------------------------

    def imported(self, module: str) -> tuple[Effect, ...]:
        """Return what importing a module for the first time does, its packages' included."""
        if module not in self._imports:
            self._imports[module] = ()
            found = Summary()
            parts = module.split(".")
            for length in range(1, len(parts) + 1):
                found.update_from(self._import_one(".".join(parts[:length]), inside=length < len(parts)))
            self._imports[module] = tuple(found)
        return self._imports[module]

    def _import_one(self, module: str, *, inside: bool) -> Iterator[Effect]:
        clause = self.engine.stubs.import_effect(module)
        if clause is not None:
            yield from self._clause(f"import {module}", clause)
            return
        source = self.engine.sources.get(module)
        if source is None and inside:
            return  # a package without a file of its own runs nothing
        if source is None:
            if not self.engine.stubs.covers(module):
                yield Effect("unknown", f"import {module}: the module {UNSEEN}")
            return
        yield from self.instantiate(source.body, {})


def _uses(
    target: Parameter | Item, how: str, default: str | None = None, arguments: tuple[Argument, ...] = ()
) -> Effect:
    """Return the effect of using whatever a parameter, or an item of it, stands for."""
    parameter = target.parameter if isinstance(target, Item) else target
    prefix = "[]" if isinstance(target, Item) else ""
    return Effect("uses", "", parameter=parameter, how=prefix + how, default=default, arguments=arguments)


def frame_of(function: Function, event: Event) -> Frame:
    """Return the step of a witness that an event is."""
    return Frame(function.name, function.path, getattr(event.node, "lineno", 1), event.text)
