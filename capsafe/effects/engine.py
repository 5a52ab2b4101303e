"""The engine's state: each body interpreted once, each name resolved once, from source and types.

Knows how a name becomes a value and which body stands behind a definition. It refuses to know what effects those bodies
have (``infer``).
"""

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

from capsafe.effects import known
from capsafe.effects.model import NOTHING, Argument, Definition, Facts, Local, Module, Opaque, Parameter, Super, Value
from capsafe.effects.scope import Scope
from capsafe.effects.source import Function, FunctionNode, Source, Sources, make_function
from capsafe.effects.stubs import Stubs
from capsafe.effects.syntax import is_lookup, stores
from capsafe.effects.types import Types

VARIANTS: Final = 12  # of one body, by the types of what is passed
UNSEEN: Final = "is in no source and no effect stub"


class Language(Protocol):
    """What the engine needs of Python's own rules; ``language`` fills it, so that imports go one way."""

    def evaluate(self, engine: "Engine", scope: Scope, node: ast.expr) -> Value:
        """Return the value of an expression, and record in the scope what evaluating it does."""

    def interpret(self, engine: "Engine", scope: Scope) -> None:
        """Fill in the names and the facts of a freshly made scope."""

    def result_of(self, engine: "Engine", callee: Value, arguments: tuple[Argument, ...]) -> Value:
        """Return what a call may give."""


class Engine:
    """What is known of a program: sources, stubs and types, and all that was worked out from them."""

    def __init__(self, types: Types, stubs: Stubs, sources: Sources, language: Language) -> None:
        """Take the three places that facts come from, and the language that they are read in."""
        self._language = language
        self.types = types
        self.stubs = stubs
        self.sources = sources
        self._functions: dict[str, Function] = {}
        self._scopes: dict[str, Scope] = {}
        self._globals: dict[tuple[str, str], Value] = {}
        self._attributes: dict[tuple[str, str], Value] = {}
        self._decorated: dict[str, Value | None] = {}
        #: Types of parameters that no annotation gives and the call that runs the closure does, by the body's key.
        self.hints: dict[str, dict[str, object]] = {}
        self._variants: dict[str, int] = {}
        self._changed: dict[str, set[str]] = {}
        self._scopes_around: dict[str, Scope] = {}
        self._around: dict[str, Scope] = {}

    def evaluate(self, scope: Scope, node: ast.expr) -> Value:
        """Return the value of an expression, and record in the scope what evaluating it does."""
        return self._language.evaluate(self, scope, node)

    # Bodies -----------------------------------------------------------------------------------------------------

    def function(self, key: str) -> Function:
        """Return the body with this key, which was handed out before."""
        return self._functions[key]

    def nested(self, scope: Scope, node: FunctionNode, name: str) -> Function:
        """Return the body of a function or lambda written inside another."""
        top = scope.function.qualname == "<module>"
        prefix = "" if top else f"{scope.function.qualname}.<locals>."
        function = make_function(scope.source, node, prefix + name, None if top else scope.function)
        self._scopes_around[function.key] = scope  # a comprehension's names are in no function's scope
        return self._functions.setdefault(function.key, function)

    def enclose(self, scope: Scope, node: ast.ClassDef) -> None:
        """Note the scope around a class that is defined inside a function, for its methods' free names."""
        self._around[f"{scope.source.module}.{node.name}@{node.lineno}"] = scope

    def specialized(self, function: Function, bindings: Mapping[Parameter, Value]) -> Function:
        """Return the body as it is for one call: parameters that nobody annotated have the types that are passed.

        The number of such variants is bounded; past that the body is taken as it is, with what can't be seen in it.
        """
        if "#" in function.key:
            return function
        env = self.scope(function).env
        known_types = {
            p.name: v.type
            for p, v in bindings.items()
            if p.owner == function.key
            and p.name in env
            and not self.types.is_known(env[p.name].type)
            and self.types.is_known(v.type)
        }
        if not known_types or self._variants.get(function.key, 0) >= VARIANTS:
            return function
        text = ",".join(f"{name}={self.types.show(type_)}" for name, type_ in sorted(known_types.items()))
        variant = replace(function, key=f"{function.key}#{text}")
        if variant.key not in self._functions:
            self._variants[function.key] = self._variants.get(function.key, 0) + 1
            self._functions[variant.key] = variant
            self.hints[variant.key] = known_types
        return self._functions[variant.key]

    def scope(self, function: Function) -> Scope:
        """Return the interpreted scope of a body; while that is under way, what there is of it."""
        known_scope = self._scopes.get(function.key)
        if known_scope is not None:
            return known_scope
        self._functions.setdefault(function.key, function)
        source = self.sources.get(function.module)
        if source is None:  # pragma: no cover - a body always comes out of a source
            raise LookupError(function.key)
        parent = self._scopes_around.get(function.key)
        if parent is None:
            parent = self.scope(function.parent) if function.parent else self._around.get(function.owner or "")
        scope = Scope(function, source, parent)
        self._scopes[function.key] = scope
        self._language.interpret(self, scope)
        return scope

    def facts(self, function: Function) -> Facts:
        """Return what the body does."""
        return self.scope(function).facts

    def module_scope(self, source: Source) -> Scope:
        """Return a scope in which expressions at the top of a module can be evaluated, without running the module."""
        return Scope(source.body, source, None)

    # Names ------------------------------------------------------------------------------------------------------

    def name(self, scope: Scope, name: str) -> Value:
        """Return the value of a name as it is seen from a scope."""
        local = scope.find(name)
        return local if local is not None else self.global_value(scope.source.module, name)

    def global_value(self, module: str, name: str) -> Value:
        """Return the value of a module's name, or of the builtin."""
        key = (module, name)
        if key not in self._globals:
            self._globals[key] = NOTHING  # a name that is defined by itself ends here
            self._globals[key] = self._find_global(module, name)
        return self._globals[key]

    def _find_global(self, module: str, name: str) -> Value:
        source = self.sources.get(module)
        if source is not None and self._bindings(source, name) > 1 and source.imported.get(name):
            return self._find_in_source(module, name)  # a type checker follows the first binding alone
        symbol = self.types.symbol(module, name)
        if symbol is None:
            return self._find_in_source(module, name)
        if symbol.kind == "module":
            return Value(symbol.type, frozenset({Module(symbol.fullname)}))
        if symbol.kind != "variable":
            return Value(symbol.type, frozenset({Definition(symbol.fullname)}))
        if not self.types.is_known(symbol.type) and self._is_imported(module, name):
            # A package without types: mypy skips it, its source can still be read.
            return self._find_in_source(module, name)
        return self.variable(symbol.fullname, symbol.type)

    def _is_imported(self, module: str, name: str) -> bool:
        source = self.sources.get(module)
        return source is not None and name in source.imported and name not in source.assigned

    def variable(self, fullname: str, type_: object) -> Value:
        """Return the value of a module's variable: what it was assigned, where that can be read."""
        declaration = self.stubs.find(fullname)
        if declaration is not None:
            # A default answers for functions; a constant that no row names is data.
            plain = not declaration.listed and not self.types.is_callable(type_)
            return Value(type_, frozenset() if plain else frozenset({Definition(fullname)}))
        found = self.sources.find(fullname)
        if found is None:
            return Value(type_)
        return self._assigned(found[0], found[1], type_)

    def _assigned(self, source: Source, qualname: str, type_: object) -> Value:
        targets, contents = set[object](), set[object]()
        scope = self.module_scope(source)
        for node in source.assigned.get(qualname, []):
            value = self.evaluate(scope, node)
            targets |= value.targets
            contents |= value.contents
            if not self.types.is_known(type_):
                type_ = value.type
        return Value(type_, frozenset(targets), frozenset(contents))  # type: ignore[arg-type] # sets of targets

    def _find_in_source(self, module: str, name: str) -> Value:
        # A stub names only what is public: the private functions of a library are in its source alone.
        source = self.sources.get(module)
        if source is not None and self._bindings(source, name):
            found = [self._imported(origin, original) for origin, original in source.imported.get(name, [])]
            if name in source.functions or name in source.classes:
                found.append(Value(None, frozenset({Definition(f"{module}.{name}")})))
            if name in source.assigned:
                found.append(self._assigned(source, name, None))
            value = NOTHING
            for part in found:
                kind = value.type if self.types.is_known(value.type) else part.type
                value = Value(kind, value.targets | part.targets, value.contents | part.contents)
            return value
        builtin = self.types.symbol("builtins", name)
        if builtin is not None:
            return Value(builtin.type, frozenset({Definition(builtin.fullname)}))
        return Value(None, frozenset({Opaque(f"the name {name!r} of module {module!r}")}))

    @staticmethod
    def _bindings(source: Source, name: str) -> int:
        """Return in how many places a module's name is bound, one for all definitions and one for all assignments."""
        defined = name in source.functions or name in source.classes
        return len(source.imported.get(name, [])) + defined + (name in source.assigned)

    def _imported(self, origin: str, original: str | None) -> Value:
        if original is None:
            return Value(None, frozenset({Module(origin)}))
        return self.module_attribute(origin, original)

    def module_attribute(self, module: str, name: str) -> Value:
        """Return the value of ``module.name``: a global of it, or a module inside it."""
        symbol = self.types.symbol(module, name)
        if symbol is None:
            source = self.sources.get(module)
            inside = source is not None and (
                name in source.functions or name in source.classes or name in source.assigned or name in source.imported
            )
            if not inside:
                submodule = f"{module}.{name}"
                if self.types.path(submodule) is not None or self.stubs.covers(submodule):
                    return Value(None, frozenset({Module(submodule)}))
                if self.stubs.find(submodule) is not None:
                    return Value(None, frozenset({Definition(submodule)}))
                return Value(None, frozenset({Opaque(f"the name {name!r} of module {module!r}")}))
        return self.global_value(module, name)

    # Definitions ------------------------------------------------------------------------------------------------

    def decorated(self, function: Function) -> Value | None:
        """Return what the function's name stands for when its decorators may change that, else None."""
        if function.key not in self._decorated:
            self._decorated[function.key] = None  # a decorator that uses what it decorates ends here
            self._decorated[function.key] = self._decorate(function)
        return self._decorated[function.key]

    def _decorate(self, function: Function) -> Value | None:
        node = function.node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        source = self.sources.get(function.module)
        if source is None:  # pragma: no cover - a body always comes out of a source
            return None
        scope = self.scope(function.parent) if function.parent else self.module_scope(source)
        self._functions.setdefault(function.key, function)
        value = Value(None, frozenset({Local(function.key)}))
        plain = True
        for decorator in reversed(node.decorator_list):
            if self.is_transparent(scope, decorator):
                continue
            plain = False
            maker = self.evaluate(scope, decorator)
            made = self._language.result_of(self, maker, (Argument(value),))
            if not made.targets and not self.types.members(made.type, "__call__"):
                made = made.of(Opaque(f"what the decorator {ast.unparse(decorator)} makes of {function.name}"))
            value = made
        return None if plain else value

    def is_transparent(self, scope: Scope, decorator: ast.expr) -> bool:
        """Return whether a decorator leaves the effects of what it decorates as they are."""
        if isinstance(decorator, ast.Attribute) and decorator.attr in {"setter", "getter", "deleter"}:
            return True
        if isinstance(decorator, ast.Call):
            decorator = decorator.func
        value = self.evaluate(Scope(scope.function, scope.source, scope), decorator)
        return bool(value.targets) and all(
            isinstance(t, Definition) and t.fullname in known.TRANSPARENT for t in value.targets
        )

    def attribute_value(self, class_: str, name: str) -> Value:
        """Return what methods and the body of a class put into an attribute of its instances."""
        key = (class_, name)
        if key not in self._attributes:
            self._attributes[key] = NOTHING
            self._attributes[key] = self._find_attribute(class_, name)
        return self._attributes[key]

    def fields(self, class_: str) -> list[str]:
        """Return the annotated names in the body of a class, in order: the fields of a dataclass or a named tuple."""
        nodes = self.sources.classes(class_) if self.has_source(class_) else []
        return [
            s.target.id
            for n in nodes
            for s in n.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        ]

    def _find_attribute(self, class_: str, name: str) -> Value:
        found = self.sources.find(class_)
        if found is None:
            return NOTHING
        source, qualname = found
        value = self._assigned(source, f"{qualname}.{name}", None)
        for node in source.classes.get(qualname, []):
            for method in node.body:
                if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) or not method.args.args:
                    continue
                me = method.args.args[0].arg
                for written in stores(method, me, name):
                    for function in source.functions.get(f"{qualname}.{method.name}", []):
                        if function.node is method:
                            part = self.evaluate(self.scope(function), written)
                            kind = value.type if self.types.is_known(value.type) else part.type
                            value = Value(kind, value.targets | part.targets, value.contents | part.contents)
        facts = self.types.class_facts(class_)
        if facts is not None and (facts.dataclass or facts.record) and name in self.fields(class_):
            value = Value(value.type, value.targets | {Parameter(class_, name)}, value.contents)
        return value

    def is_stored_into(self, source: Source, name: str) -> bool:
        """Return whether a module's variable may be changed after its assignment: it is used otherwise than read."""
        if source.module not in self._changed:
            reads = {id(n.value) for n in ast.walk(source.tree) if is_lookup(n)}
            names = (n for n in ast.walk(source.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
            self._changed[source.module] = {n.id for n in names if id(n) not in reads}
        return name in self._changed[source.module]

    def default(self, function: Function, node: ast.expr) -> Value:
        """Return the value of a parameter's default, as it is evaluated where the function is defined."""
        source = self.sources.get(function.module)
        if source is None:  # pragma: no cover - a body always comes out of a source
            return NOTHING
        around = self.scope(function.parent) if function.parent else self.module_scope(source)
        return self.evaluate(Scope(around.function, source, around), node)

    def property_value(self, fullname: str) -> Value:
        """Return what a property gives, as far as its source says."""
        value = NOTHING
        if self.has_source(fullname) and not self.is_broker(fullname):
            for function in self.sources.functions(fullname):
                part = self.facts(function).returns
                value = Value(None, value.targets | part.targets, value.contents | part.contents)
        return value

    def after(self, scope: Scope) -> Value:
        """Return ``super()`` in the method of ``scope``: its receiver, seen as the classes after its own."""
        owner = scope.function.owner or ""
        facts = self.types.class_facts(owner)
        node = scope.function.node
        names = [*node.args.posonlyargs, *node.args.args] if not isinstance(node, ast.Module | ast.ClassDef) else []
        receiver = scope.env.get(names[0].arg, NOTHING) if names else NOTHING
        if facts is None or len(facts.family) < 2:  # noqa: PLR2004 - itself and one more
            return Value(None, frozenset({Opaque(f"super() in {scope.function.name}")}))
        return Value(None, frozenset({Super(facts.family[1:], receiver)}))

    # Kinds ------------------------------------------------------------------------------------------------------

    def is_class(self, fullname: str) -> bool:
        """Return whether the name is that of a class."""
        return self.types.class_facts(fullname) is not None or bool(
            self.stubs.find(fullname) is None and self.sources.classes(fullname)
        )

    def is_module(self, name: str) -> bool:
        """Return whether a dotted name is that of a module: of a file, and not of something defined in its package."""
        return self.types.path(name) is not None or self.sources.get(name) is not None

    def is_variable(self, fullname: str) -> bool:
        """Return whether the name is a variable that a stub speaks of: reading it is an effect of its own."""
        declaration = self.stubs.find(fullname)
        if declaration is None or declaration.kind != "attribute":
            return False
        return self.types.class_facts(fullname) is None

    def is_final(self, type_: object) -> bool:
        """Return whether a value of the type is of exactly one of the plain builtin classes."""
        classes = self.types.classes(type_)
        return bool(classes) and classes[0] in known.FINAL

    def is_broker(self, fullname: str) -> bool:
        """Return whether the name is the sandbox's own: granted, so never ambient."""
        return fullname.startswith(known.BROKER)

    def is_generated(self, fullname: str) -> bool:
        """Return whether its class's decorator or base writes a method: a dataclass, a named tuple, an enum."""
        owner, _, name = fullname.rpartition(".")
        facts = self.types.class_facts(owner)
        if facts is None or not (facts.dataclass or facts.record or facts.enum):
            return False
        return name.startswith("_") and self.has_source(owner)

    def has_source(self, fullname: str) -> bool:
        """Return whether the class or function is written in Python that can be read, and no stub speaks for it."""
        return self.stubs.find(fullname) is None and self.sources.find(fullname) is not None
