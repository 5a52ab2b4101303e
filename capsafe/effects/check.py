"""Closures against their sandboxes: from one ``sandbox.execute(...)`` in a source file to findings.

Knows where a finding belongs and which effects are granted. It refuses to know how effects are inferred (``infer``)
and how a finding reads (``messages``).
"""

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from capsafe import capabilities
from capsafe.capabilities import Capability
from capsafe.effects import known
from capsafe.effects.authority import held_by
from capsafe.effects.binding import bind
from capsafe.effects.containers import starred
from capsafe.effects.engine import Engine
from capsafe.effects.infer import Inference
from capsafe.effects.messages import Finding, describe, with_missing, with_others
from capsafe.effects.model import Argument, Bound, Definition, Effect, Event, Local, Object, Opaque, Parameter, Value
from capsafe.effects.scope import Scope
from capsafe.effects.source import Function, FunctionNode, Source

SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Site:
    """One call that runs a closure: where it stands, and the names of the capabilities that its sandbox grants.

    ``ambient`` may be used without the broker, ``broker`` through it.
    """

    call: ast.Call
    method: str
    ambient: frozenset[str] = frozenset()
    broker: frozenset[str] = frozenset()


class Checker:
    """Findings for the closures of one source file."""

    def __init__(self, engine: Engine, source: Source) -> None:
        """Take the engine, whose types are those of this very file."""
        self.engine = engine
        self.inference = Inference(engine, self._is_loaded)
        self._loaded: set[str] | None = None
        self.source = source
        self._parents = {child: node for node in ast.walk(source.tree) for child in ast.iter_child_nodes(node)}
        self._functions: dict[ast.AST, Function] = {}
        self._broker: object = engine.types.instance(known.BROKER_CLASS)

    def _is_loaded(self, module: str) -> bool:
        """Return whether importing the file has imported the module, so that importing it again only finds it."""
        if self._loaded is None:
            self._loaded = set(sys.builtin_module_names)
            waiting = [self.source]
            while waiting:
                source = waiting.pop()
                for origin, name in (pair for several in source.imported.values() for pair in several):
                    for full in (origin, f"{origin}.{name}" if name else origin):
                        parts = full.split(".")
                        for length in range(1, len(parts) + 1):
                            wanted = ".".join(parts[:length])
                            if wanted not in self._loaded:
                                self._loaded.add(wanted)
                                found = self.engine.sources.get(wanted)
                                waiting += [found] if found is not None else []
        return module in self._loaded

    # Where things stand -----------------------------------------------------------------------------------------

    def attributes(self, names: Collection[str]) -> Iterator[tuple[ast.Attribute, ast.AST | None]]:
        """Yield every attribute with one of the names that is read in the file, and the node around it."""
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.ctx, ast.Load):
                yield node, self._parents.get(node)

    def value_at(self, node: ast.expr) -> Value:
        """Return the value of an expression where it stands."""
        scope = self._scope_around(node)
        return self.engine.evaluate(Scope(scope.function, self.source, scope), node)

    def is_class(self, node: ast.expr, class_: str) -> bool:
        """Return whether an expression is the class, or one below it, itself."""
        names = (t.fullname for t in self.value_at(node).targets if isinstance(t, Definition))
        facts = (self.engine.types.class_facts(name) for name in names)
        return any(f is not None and class_ in f.family for f in facts)

    def takes_function(self, call: ast.Call) -> bool:
        """Return whether the first argument of a call is a lambda or a function of this file."""
        if not call.args or "capsafe" not in self.source.text:
            return False
        targets = () if isinstance(call.args[0], ast.Lambda) else self.value_at(call.args[0]).targets
        named = (t.fullname for t in targets if isinstance(t, Definition))
        return (
            isinstance(call.args[0], ast.Lambda)
            or any(isinstance(t, Local) for t in targets)
            or any(f.path == self.source.path for name in named for f in self.engine.sources.functions(name))
        )

    def _scope_around(self, node: ast.AST) -> Scope:
        around = self._function_around(node)
        return self.engine.scope(around) if around is not None else self.engine.module_scope(self.source)

    def _function_around(self, node: ast.AST) -> Function | None:
        inner: ast.AST = node
        current = self._parents.get(node)
        while current is not None:
            if isinstance(current, SCOPES) and self._is_inside(current, inner):
                return self._function(current)
            inner, current = current, self._parents.get(current)
        return None

    @staticmethod
    def _is_inside(function: FunctionNode, child: ast.AST) -> bool:
        # Defaults and decorators stand in a function's text and are evaluated outside it.
        return child is function.body if isinstance(function, ast.Lambda) else child in function.body

    def _function(self, node: FunctionNode) -> Function:
        if node not in self._functions:
            known = [f for several in self.source.functions.values() for f in several if f.node is node]
            around = self._function_around(node)
            if known and around is None:
                self._functions[node] = known[0]
            else:
                scope = self._scope_around(node)
                name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
                self._functions[node] = known[0] if known else self.engine.nested(scope, node, name)
        return self._functions[node]

    # Checking ---------------------------------------------------------------------------------------------------

    def prepare(self, site: Site, sandbox: object) -> None:
        """Note what the closure of a call is given, before any body is read: ``sandbox`` is the sandbox's type."""
        call = site.call
        if not call.args or isinstance(call.args[0], ast.Starred):
            return
        scope = self._scope_around(call)
        inside = Scope(scope.function, self.source, scope)
        closure = self.engine.evaluate(inside, call.args[0])
        broker = self.engine.types.attribute(sandbox, "enter")
        self._broker = self.engine.types.call(broker, ()) or self.engine.types.instance(known.BROKER_CLASS)
        passed = tuple(self._arguments(inside, call, site.method))
        for target in closure.targets:
            if isinstance(target, Local):
                function = self.engine.function(target.key)
                self._hint(function, bind(self.engine, function, None, passed))
            elif isinstance(target, Definition):
                for function in self.engine.sources.functions(target.fullname):
                    self._hint(function, bind(self.engine, function, None, passed))

    def check(self, site: Site) -> Iterator[Finding]:
        """Yield what is wrong with the closure of one call."""
        call = site.call
        if not call.args or isinstance(call.args[0], ast.Starred):
            node = call.args[0] if call.args else call
            effect = Effect("unknown", f"which closure {site.method}() is given can't be seen")
            yield describe(effect, node, ast.unparse(node), closure="the closure")
            return
        node = call.args[0]
        scope = self._scope_around(call)
        inside = Scope(scope.function, self.source, scope)
        closure = self.engine.evaluate(inside, node)
        passed = tuple(self._arguments(inside, call, site.method))
        yield from self._passed(passed)
        yield from self._granted(site, self._closure(closure, node, passed))

    def _arguments(self, scope: Scope, call: ast.Call, method: str) -> Iterator[Argument]:
        yield Argument(Value(self._broker))
        if method == "bind":
            return
        for node in call.args[1:]:
            star = isinstance(node, ast.Starred)
            inner = node.value if isinstance(node, ast.Starred) else node
            value = self.engine.evaluate(scope, inner)
            yield Argument(starred(self.engine, scope, value, inner) if star else value, star=star, node=inner)
        for keyword in call.keywords:
            value = self.engine.evaluate(scope, keyword.value)
            spread = keyword.arg is None
            yield Argument(value, keyword.arg, spread, spread, keyword.value)

    def _passed(self, arguments: Sequence[Argument]) -> Iterator[Finding]:
        for argument in arguments:
            if argument.node is None:
                continue
            held = held_by(self.engine.types, argument.value.type)
            if held is not None:
                text = ast.unparse(argument.node)
                effect = Effect("holds", f"{text} is {held}")
                yield describe(effect, argument.node, text, closure="the closure", passed=True)

    def _closure(
        self, closure: Value, node: ast.expr, passed: tuple[Argument, ...]
    ) -> Iterator[tuple[Effect, Finding]]:
        members = self.engine.types.members(closure.type, "__call__")
        plain = all(isinstance(t, Object) for t in closure.targets)
        if plain and members and not self.engine.types.is_callable(closure.type):
            closure = Value(closure.type, frozenset(Bound(m.fullname, closure) for m in members), closure.contents)
        if not closure.targets:
            kind = self.engine.types.show(closure.type) if self.engine.types.is_known(closure.type) else "Any"
            yield from self._whole(
                [Effect("unknown", f"which function this is can't be seen from its type, {kind}")], node
            )
        for target in closure.targets:
            match target:
                case Local():
                    function = self.engine.function(target.key)
                    bindings = {**dict(target.bindings), **bind(self.engine, function, None, passed)}
                    if function.path == self.source.path:
                        yield from self._body(function, bindings)
                    else:
                        yield from self._whole(self.inference.instantiate(function, bindings), node)
                case Definition() | Bound():
                    yield from self._named(target, node, passed)
                case Parameter():
                    reason = f"which function is passed as {target.name!r} can't be seen"
                    yield from self._whole([Effect("unknown", reason)], node)
                case Opaque():
                    yield from self._whole([Effect("unknown", target.reason)], node)
                case _:
                    yield from self._whole(self.inference.call(closure, passed), node)

    def _hint(self, function: Function, bindings: dict[Parameter, Value]) -> None:
        """Note what the parameters of a closure are: in a function without annotations no type checker says it."""
        self.engine.hints.setdefault(function.key, {p.name: v.type for p, v in bindings.items()})

    def _named(
        self, target: Definition | Bound, node: ast.expr, passed: tuple[Argument, ...]
    ) -> Iterator[tuple[Effect, Finding]]:
        receiver = target.receiver if isinstance(target, Bound) else None
        own = [
            f
            for f in self.engine.sources.functions(target.fullname)
            if f.path == self.source.path and self.engine.decorated(f) is None
        ]
        if own and self.engine.stubs.find(target.fullname) is None:
            for function in own:
                yield from self._body(function, bind(self.engine, function, receiver, passed))
        else:
            called = Value(None, frozenset({target}))
            yield from self._whole(self.inference.call(called, passed), node)

    def _whole(self, effects: Iterable[Effect], node: ast.expr) -> Iterator[tuple[Effect, Finding]]:
        for effect in self._settled(effects, {}):
            yield effect, describe(effect, node, ast.unparse(node), closure=ast.unparse(node))

    def _body(self, function: Function, bindings: dict[Parameter, Value]) -> Iterator[tuple[Effect, Finding]]:
        name = "the closure" if isinstance(function.node, ast.Lambda) else function.node_name
        for event in self.engine.facts(function).events:
            for effect in self._settled(self.inference.event(event), bindings):
                yield effect, describe(effect, event.node, event.text, closure=name)
        for event in self._captured(function):
            held = held_by(self.engine.types, event.value.type)
            effect = Effect("holds", f"{event.text} is {held}")
            yield effect, describe(effect, event.node, event.text, closure=name)

    def _settled(self, effects: Iterable[Effect], bindings: dict[Parameter, Value]) -> Iterator[Effect]:
        """Yield effects that leave nothing open: each parameter is what was passed, or can't be seen."""
        for effect in effects:
            if effect.kind != "uses" or effect.parameter is None:
                yield effect
            elif effect.parameter in bindings:
                yield from self._settled(self.inference.resolve(effect, bindings[effect.parameter]), {})
            else:
                yield from self._settled(self.inference.unresolved(effect), {})

    def _captured(self, function: Function) -> Iterator[Event]:
        """Yield the names that a closure takes from around it and that hold authority."""
        if isinstance(function.node, ast.Module | ast.ClassDef):
            return
        around = self.engine.scope(function).parent or self.engine.module_scope(self.source)
        nodes = [n for n in ast.walk(function.node) if isinstance(n, ast.Name | ast.arg)]
        bound = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        for node in nodes:
            if isinstance(node, ast.Name) and node.id not in bound:
                yield from self._held(around, node)

    def _held(self, around: Scope, node: ast.Name) -> Iterator[Event]:
        value = around.find(node.id)
        if value is None:
            symbol = self.engine.types.symbol(self.source.module, node.id)
            if symbol is None or symbol.kind != "variable":
                return  # what is no variable is no value that was captured
            value = self.engine.name(around, node.id)
        exact = self.engine.types.at(self.source.path, node)
        kind = exact if self.engine.types.is_known(exact) else value.type
        methods = [t.receiver.type for t in value.targets if isinstance(t, Bound)]
        for holder in (kind, *methods):
            if held_by(self.engine.types, holder) is not None:
                yield Event("hold", Value(holder), (), node, node.id)
                return
        yield from self._held_in_field(node, kind)

    def _held_in_field(self, node: ast.Name, kind: object) -> Iterator[Event]:
        """Yield the attribute of a captured object that holds authority, or the object where all of it is used."""
        types = self.engine.types
        classes = types.classes(kind)
        if not classes or not self.engine.has_source(classes[0]):
            return
        fields = {name: held_by(types, field) for name, field in types.fields(kind).items()}
        # A sandbox in a field is how objects run closures; what starts one in here is an effect of its own.
        holding = {name for name, held in fields.items() if held not in {None, known.AUTHORITY[known.SANDBOX]}}
        if not holding:
            return
        parent = self._parents.get(node)
        if isinstance(parent, ast.Attribute) and parent.attr in fields:
            if parent.attr in holding:
                yield Event("hold", Value(types.fields(kind)[parent.attr]), (), parent, ast.unparse(parent))
            return
        name = min(holding)
        yield Event("hold", Value(types.fields(kind)[name]), (), node, f"{node.id}.{name}")

    def _granted(self, site: Site, found: Iterable[tuple[Effect, Finding]]) -> Iterator[Finding]:
        """Yield the findings that are not granted as ambient, each only once."""
        allowed = [getattr(capabilities, name) for name in site.ambient]
        kept = [
            (e, f) for e, f in found if e.kind != "performs" or not all(_covers(allowed, n) for n in e.capabilities)
        ]
        # At one expression, one finding for each set of capabilities, by the shortest path; of all that can't be seen
        # behind it, the first says enough.
        groups: dict[tuple[object, ...], list[tuple[Effect, Finding]]] = {}
        for effect, finding in sorted(kept, key=lambda pair: len(pair[0].witness)):
            node = finding.node
            what = "" if effect.kind == "unknown" else effect.what if effect.kind == "holds" else effect.capabilities
            key = (finding.code, what, getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
            groups.setdefault(key, []).append((effect, finding))
        granted = [getattr(capabilities, name) for name in site.broker]
        for (first, finding), *others in groups.values():
            missing = frozenset(n for n in first.capabilities if not _covers(granted, n))
            yield with_missing(with_others(finding, [effect for effect, _ in others]), missing)


def _covers(allowed: Sequence[type[Capability]], name: str) -> bool:
    wanted = getattr(capabilities, name, None)
    return isinstance(wanted, type) and any(issubclass(wanted, capability) for capability in allowed)
