"""mypy's answers to the engine's questions about types: the port of ``capsafe.effects.types``, filled.

Knows mypy's types, symbol tables and the checker of the module under check. It refuses to know effects. It reads symbol
tables alone, never another module's trees: those are freed, or were never there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from mypy.checkmember import analyze_member_access
from mypy.nodes import (
    ARG_NAMED,
    ARG_POS,
    ARG_STAR,
    ARG_STAR2,
    NOT_ABSTRACT,
    ArgKind,
    Context,
    Decorator,
    Expression,
    FuncDef,
    MypyFile,
    OverloadedFuncDef,
    SymbolNode,
    TempNode,
    TypeAlias,
    TypeInfo,
    TypeVarLikeExpr,
    Var,
)
from mypy.typeops import make_simplified_union, type_object_type
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    Overloaded,
    PartialType,
    ProperType,
    TupleType,
    Type,
    TypeOfAny,
    TypeType,
    UnboundType,
    UninhabitedType,
    UnionType,
    get_proper_type,
)

from capsafe.effects.types import ClassFacts, Member, Symbol
from capsafe_mypy.classes import info_of, member_of, unbound
from capsafe_mypy.positions import Positions

if TYPE_CHECKING:
    import ast

    from mypy.checker import TypeChecker

DEEPEST: Final = 6  # types inside types that are looked into
#: Modules whose classes hold nothing but what their type arguments say.
DATA: Final = frozenset({"builtins", "datetime", "decimal", "fractions", "pathlib", "re", "typing", "uuid"})
ANYTHING: Final = re.compile(r"\bAny\b")
ANY: Final = AnyType(TypeOfAny.special_form)


def proper(of: object) -> ProperType | None:
    """Return a type of the port as mypy's own, None where it says nothing."""
    if of is None:
        return None
    found = get_proper_type(cast("Type", of))
    return None if isinstance(found, AnyType | PartialType | UnboundType) else found


class MypyTypes:
    """The port, on the checker of the module under check."""

    def __init__(self, chk: "TypeChecker", path: str, context: Context, positions: Positions) -> None:
        """Take the checker, the file that it checks, a place for errors (none is shown) and its expressions' types."""
        self._chk = chk
        self._path = path
        self._context = context
        self._positions = positions
        self._infos: dict[str, TypeInfo | None] = {}
        self._symbols: dict[tuple[str, str], Symbol | None] = {}

    # Names ------------------------------------------------------------------------------------------------------

    def symbol(self, module: str, name: str) -> Symbol | None:
        """Return what ``name`` is in ``module``, followed to where it is defined."""
        key = (module, name)
        if key not in self._symbols:
            self._symbols[key] = self._symbol(module, name)
        return self._symbols[key]

    def _symbol(self, module: str, name: str) -> Symbol | None:
        tree = self._chk.modules.get(module)
        found = tree.names.get(name) if tree is not None else None
        if found is None or found.node is None:
            return None
        return self._symbol_of(found.node)

    def _symbol_of(self, node: SymbolNode) -> Symbol:
        match node:
            case MypyFile():
                return Symbol("module", node.fullname, None)
            case TypeInfo():
                return Symbol("class", node.fullname, self._class_object(node))
            case FuncDef() | OverloadedFuncDef():
                return Symbol("function", node.fullname, self._function_type(node))
            case Decorator():
                return Symbol("function", node.fullname, node.var.type)
            case TypeAlias():
                target = get_proper_type(node.target)
                if isinstance(target, Instance) and (node.no_args or not target.args):
                    return Symbol("class", target.type.fullname, self._class_object(target.type))
                return Symbol("alias", node.fullname, None)
            case TypeVarLikeExpr():
                return Symbol("alias", node.fullname, None)
            case Var():
                return Symbol("variable", node.fullname, node.type)
            case _:
                return Symbol("variable", node.fullname, None)

    def _class_object(self, info: TypeInfo) -> Type | None:
        return type_object_type(info, self._chk.named_type)

    def _function_type(self, node: FuncDef | OverloadedFuncDef) -> Type | None:
        if node.type is not None:
            return node.type
        return self._chk.function_type(node) if isinstance(node, FuncDef) else None

    def _node(self, fullname: str) -> tuple[SymbolNode | None, TypeInfo | None]:
        """Return the node of a canonical name, and the class that it was found in."""
        module, _, rest = fullname.rpartition(".")
        names = [rest]
        while module and module not in self._chk.modules:
            module, _, part = module.rpartition(".")
            names.insert(0, part)
        tree = self._chk.modules.get(module)
        if tree is None:
            return None, None
        table, owner = tree.names, None
        node: SymbolNode | None = None
        for position, name in enumerate(names):
            found = table.get(name)
            node = found.node if found is not None else None
            if isinstance(node, TypeInfo) and position < len(names) - 1:
                table, owner = node.names, node
            elif position < len(names) - 1:
                return None, None
        return node, owner

    def _info(self, fullname: str) -> TypeInfo | None:
        if fullname not in self._infos:
            node, _ = self._node(fullname)
            if isinstance(node, TypeAlias):
                target = get_proper_type(node.target)
                node = target.type if isinstance(target, Instance) else None
            self._infos[fullname] = node if isinstance(node, TypeInfo) else None
        return self._infos[fullname]

    def path(self, module: str) -> str | None:
        """Return the file in which mypy found the module."""
        tree = self._chk.modules.get(module)
        return tree.path if tree is not None else None

    def alias(self, fullname: str) -> object:
        """Return the type that a type alias or the bound that a type variable stands for."""
        node, _ = self._node(fullname)
        if isinstance(node, TypeAlias):
            return node.target
        return node.upper_bound if isinstance(node, TypeVarLikeExpr) else None

    def parameters(self, fullname: str) -> Mapping[str, object]:
        """Return the declared types of the parameters of a function, by name."""
        node, _ = self._node(fullname)
        if isinstance(node, OverloadedFuncDef):
            node = node.impl
        if isinstance(node, Decorator):
            node = node.func
        type_ = node.type if isinstance(node, FuncDef) else None
        if not isinstance(type_, CallableType):
            return {}
        kinds = zip(type_.arg_names, type_.arg_types, type_.arg_kinds, strict=True)
        return {name: t for name, t, kind in kinds if name is not None and kind not in {ARG_STAR, ARG_STAR2}}

    # Classes ----------------------------------------------------------------------------------------------------

    def members(self, of: object, name: str) -> tuple[Member, ...]:
        """Return the member ``name`` of each class that a value of type ``of`` may have."""
        match proper(of):
            case UnionType() as union:
                found = [m for item in union.items for m in self.members(item, name)]
                return tuple(dict.fromkeys(found))
            case TypeType() as meta:
                return unbound(self.members(meta.item, name))
            case CallableType() as function if function.is_type_obj():
                return unbound(self.members(function.ret_type, name))
            case Overloaded() as function if function.is_type_obj():
                return unbound(self.members(function.items[0].ret_type, name))
            case one:
                info = info_of(one)
                member = member_of(info, name) if info is not None else None
                return () if member is None else (member,)

    def class_member(self, fullname: str, name: str) -> Member | None:
        """Return the member ``name`` of the class ``fullname``, found along its bases."""
        info = self._info(fullname)
        return member_of(info, name) if info is not None else None

    def class_facts(self, fullname: str) -> ClassFacts | None:
        """Return what constructing the class depends on."""
        info = self._info(fullname)
        if info is None:
            return None
        return ClassFacts(
            tuple(base.fullname for base in info.mro),
            "dataclass" in info.metadata or "dataclass_tag" in info.metadata,
            info.is_enum,
            info.is_named_tuple or info.typeddict_type is not None,
            info.metaclass_type.type.fullname if info.metaclass_type is not None else None,
        )

    def classes(self, of: object) -> tuple[str, ...]:
        """Return the canonical names of all classes that a value of type ``of`` is an instance of."""
        found = proper(of)
        if isinstance(found, UnionType):
            # ``X | Any`` is how typeshed writes an X that may be None.
            silent = (NoneType, AnyType)
            several = [self.classes(i) for i in found.items if not isinstance(get_proper_type(i), silent)]
            if not several or not all(several):
                return ()
            return tuple(name for name in several[0] if all(name in other for other in several[1:]))
        if isinstance(found, NoneType):
            return ("types.NoneType", "builtins.object")
        if isinstance(found, CallableType | Overloaded | TypeType):
            return ()
        info = info_of(found)
        return tuple(base.fullname for base in info.mro) if info is not None else ()

    def is_known(self, of: object) -> bool:
        """Return whether the type says anything."""
        found = proper(of)
        return found is not None and not (isinstance(found, UninhabitedType) and found.ambiguous)

    def is_precise(self, of: object) -> bool:
        """Return whether the type is known in all its parts."""
        return self.is_known(of) and ANYTHING.search(str(of)) is None

    def is_data(self, of: object) -> bool:
        """Return whether a value of the type holds no function and no object of a class that is read from source."""
        return self._is_data(of, DEEPEST)

    def _is_data(self, of: object, depth: int) -> bool:
        if not depth:
            return False  # a type that is made of itself has no end
        match proper(of):
            case None | CallableType() | Overloaded() | TypeType():
                return False
            case NoneType() | LiteralType():
                return True
            case UnionType() as union:
                return all(self._is_data(item, depth - 1) for item in union.items)
            case TupleType() as several:
                return all(self._is_data(item, depth - 1) for item in several.items)
            case Instance() as one:
                return one.type.module_name in DATA and all(self._is_data(a, depth - 1) for a in one.args)
            case _:
                return False

    def may_be_none(self, of: object) -> bool:
        """Return whether a value of the type may be None."""
        found = proper(of)
        several = found.items if isinstance(found, UnionType) else [found] if found is not None else []
        return any(isinstance(get_proper_type(item), NoneType) for item in several)

    def is_callable(self, of: object) -> bool:
        """Return whether the type is that of a function."""
        found = proper(of)
        if isinstance(found, UnionType):
            return any(self.is_callable(item) for item in found.items)
        return isinstance(found, CallableType | Overloaded) and not found.is_type_obj()

    def is_abstract(self, fullname: str) -> bool:
        """Return whether a method is one that only subclasses implement."""
        node, owner = self._node(fullname)
        if isinstance(node, OverloadedFuncDef):
            node = node.impl
        if isinstance(node, Decorator):
            node = node.func
        return isinstance(node, FuncDef) and owner is not None and node.abstract_status != NOT_ABSTRACT

    # Expressions ------------------------------------------------------------------------------------------------

    def attribute(self, of: object, name: str) -> object:
        """Return the type of ``value.name``."""
        base = proper(of)
        if base is None or not self.members(base, name):
            return None
        if isinstance(base, UnionType):
            kept = [i for i in base.items if self.members(i, name)]
            return self.union([self.attribute(i, name) for i in kept])
        chk = self._chk
        with chk.msg.filter_errors():
            try:
                return analyze_member_access(
                    name,
                    base,
                    self._context,
                    is_lvalue=False,
                    is_super=False,
                    is_operator=False,
                    original_type=base,
                    chk=chk,
                    suppress_errors=True,
                )
            except (AssertionError, RuntimeError, KeyError, AttributeError, TypeError):
                return None  # not knowing is an answer, and one that ends as an error

    def declared(self, of: object, name: str) -> object:
        """Return the type of the class variable ``name`` as it is declared."""
        info = info_of(proper(of))
        found = info.get(name) if info is not None else None
        return found.node.type if found is not None and isinstance(found.node, Var) else None

    def call(self, callee: object, arguments: Sequence[tuple[object, str | None, bool]]) -> object:
        """Return the type of a call."""
        function = proper(callee)
        if function is None:
            return None
        kinds: list[ArgKind] = []
        nodes: list[Expression] = []
        for type_, name, star in arguments:
            actual = cast("Type", type_) if self.is_known(type_) else ANY
            if star:
                actual = self._chk.named_generic_type("builtins.list", [actual]) if name is None else ANY
            nodes.append(TempNode(actual, context=self._context))
            kinds.append(ARG_STAR if star else ARG_POS if name is None else ARG_NAMED)
        names = [name for _, name, _ in arguments]
        with self._chk.msg.filter_errors():
            try:
                result, _ = self._chk.expr_checker.check_call(function, nodes, kinds, self._context, names)
            except (AssertionError, RuntimeError, KeyError, AttributeError, TypeError, IndexError):
                return None  # not knowing is an answer, and one that ends as an error
        return result

    def at(self, path: str, node: "ast.expr") -> object:
        """Return the type that mypy itself gave to an expression of the file under check."""
        return self._positions.type_of(node) if path == self._path else None

    def instance(self, fullname: str, arguments: Sequence[object] = ()) -> object:
        """Return the type of an instance of the class."""
        info = self._info(fullname)
        if info is None:
            return None
        given = [cast("Type", a) if self.is_known(a) else ANY for a in arguments]
        if fullname == "builtins.tuple":
            fallback = Instance(info, [make_simplified_union(given) if given else ANY])
            return TupleType(given, fallback) if given else fallback
        wanted = len(info.type_vars)
        return Instance(info, (given + [ANY] * wanted)[:wanted])

    def sequence(self, item: object) -> object:
        """Return the type of a tuple of any length that holds ``item``."""
        return self._chk.named_generic_type("builtins.tuple", [cast("Type", item) if self.is_known(item) else ANY])

    def union(self, items: Sequence[object]) -> object:
        """Return the union of the types."""
        flat: list[Type] = []
        for item in items:
            found = proper(item)
            flat += found.items if isinstance(found, UnionType) else [found] if found is not None else []
        # ``str | Any`` would be simplified to Any, which says nothing of the str.
        kept = [item for item in flat if self.is_known(item)]
        return make_simplified_union(kept) if kept else None

    def items(self, of: object) -> Sequence[object]:
        """Return the types that a fixed-length tuple holds, or the three that a generator is made of."""
        match proper(of):
            case TupleType() as several:
                return tuple(several.items)
            case Instance() as one if one.type.fullname in {"typing.Generator", "typing.Coroutine"}:
                return tuple(one.args)
            case _:
                return ()

    def parts(self, of: object) -> Sequence[object]:
        """Return the types of what a value holds."""
        match proper(of):
            case UnionType() as union:
                return tuple(union.items)
            case TupleType() as several:
                return tuple(several.items)
            case Instance() as one:
                return tuple(one.args)
            case _:
                return ()

    def fields(self, of: object) -> Mapping[str, object]:
        """Return the types of the attributes of an instance, by name."""
        info = info_of(proper(of))
        found: dict[str, object] = {}
        for base in info.mro if info is not None else ():
            for name, symbol in base.names.items():
                if isinstance(symbol.node, Var):
                    found.setdefault(name, symbol.node.type)
        return found

    def show(self, of: object) -> str:
        """Return the type as a person would write it."""
        return str(of).replace("builtins.", "")
