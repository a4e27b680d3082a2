"""Which small mistakes are planted: operators, comparisons, conditions, constants, statements.

Left out, because no behaviour hangs on them: docstrings, annotations, decorators (a kernel's
options mean nothing uncompiled), `__all__`, `__repr__`, f-strings and all other prose (a string
with a blank in it), what stands behind `raise` or in `warnings.warn`, assertions and `strict=True`
of `zip`, and the −1 of `reshape` (any negative number does). That an error or a warning comes at
all, and when, is mutated like everything else.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_PAIRS = [
    ("min", "max"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("amin", "amax"),
    ("any", "all"),
    ("floor", "ceil"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("sum", "mean"),
    ("sin", "cos"),
    ("exp", "expm1"),
    ("log", "log1p"),
]
_NAMES = dict(_PAIRS) | {b: a for a, b in _PAIRS}
_UNREAD = {"annotation", "returns", "decorator_list", "type_params", "ctx"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Scopes = tuple[_Function | ast.ClassDef, ...]


@dataclass(frozen=True)
class Mutant:
    """One mistake in one file."""

    path: str
    number: int  # which of the mutants of its file
    line: int
    statement: range  # the lines of its statement, or of a compound statement's head
    function: str  # the outermost function around it, as `Class.method`, or ""
    body: range  # the lines of that function
    at_import: bool  # it runs while the module is imported: a constant, a default, a class body
    nested: bool  # it is in a function within that one, of which the module may have made some
    where: str  # the line of source
    change: str
    twin: int  # which of those with the same function, line of source and change

    @property
    def key(self) -> str:
        """A name that stays while other lines of the file change."""
        return " | ".join([self.path, self.function, self.where, self.change, str(self.twin)])


def mutants_of(path: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its source."""
    source = Path(path).read_text(encoding="utf-8")
    lines, found = source.splitlines(), []
    twins: Counter[tuple[str, ...]] = Counter()
    for number, edit in enumerate(_in_block(ast.parse(source), "body", ())):
        line, change = edit.shown.lineno, ast.unparse(edit.shown)
        edit.exchange()
        change += f" → {ast.unparse(edit.shown)}"
        edit.exchange()
        function, body, inside = _outermost_function(edit)
        where = lines[line - 1].strip()
        twin = (function, where, change)
        nested = sum(isinstance(scope, _Function) for scope in edit.scopes) > 1
        place = (line, _head(edit.statement), function, body, not inside, nested)
        found.append(Mutant(path, number, *place, where, change, twins[twin]))
        twins[twin] += 1
    return found


def mutated(mutant: Mutant) -> ast.Module:
    """The tree of the file with this one mistake in it; line numbers are those of the file."""
    tree = ast.parse(Path(mutant.path).read_text(encoding="utf-8"))
    next(islice(_in_block(tree, "body", ()), mutant.number, None)).exchange()
    return ast.fix_missing_locations(tree)


@dataclass
class _Edit:
    """Put `new` into `field` of `holder`, or at `index` of that list. `shown` is what to print."""

    holder: ast.AST
    field: str
    index: int | None
    new: Any
    shown: ast.expr | ast.stmt
    statement: ast.stmt
    scopes: _Scopes

    def exchange(self) -> None:
        """Apply the edit; called again, take it back."""
        place = getattr(self.holder, self.field)
        old = place if self.index is None else place[self.index]
        if self.index is None:
            setattr(self.holder, self.field, self.new)
        else:
            place[self.index] = self.new
        if old is self.shown:
            self.shown = self.new
        self.new = old


def _outermost_function(edit: _Edit) -> tuple[str, range, bool]:
    """(qualified name, lines, whether the edit is in its body) of the outermost function."""
    names = []
    for scope in edit.scopes:
        names.append(scope.name)
        if isinstance(scope, _Function):
            first = min([scope.lineno, *(each.lineno for each in scope.decorator_list)])
            lines = range(first, (scope.end_lineno or first) + 1)
            return ".".join(names), lines, edit.statement is not scope
    return "", range(0), False


def _head(statement: ast.stmt) -> range:
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, max(last, statement.lineno) + 1)


def _in_block(holder: ast.AST, field: str, scopes: _Scopes) -> Iterator[_Edit]:
    """Edits of a list of statements."""
    for i, node in enumerate(getattr(holder, field)):
        if _without_behaviour(node):
            continue
        if _may_go(node):
            nothing = ast.copy_location(ast.Pass(), node)
            yield _Edit(holder, field, i, nothing, node, node, scopes)
        if isinstance(node, ast.Break | ast.Continue):
            other = ast.Continue() if isinstance(node, ast.Break) else ast.Break()
            yield _Edit(holder, field, i, ast.copy_location(other, node), node, node, scopes)
        if isinstance(node, ast.Return) and not (
            node.value is None or (isinstance(node.value, ast.Constant) and not node.value.value)
        ):
            nothing = ast.copy_location(ast.Constant(None), node)
            yield _Edit(node, "value", None, nothing, node, node, scopes)
        if not isinstance(node, ast.Raise):
            inner = (*scopes, node) if isinstance(node, _Function | ast.ClassDef) else scopes
            yield from _in_node(node, node, inner)


def _in_node(node: ast.AST, statement: ast.stmt, scopes: _Scopes) -> Iterator[_Edit]:
    """Edits inside one statement or expression."""

    def edit(field: str, new: Any, index: int | None = None, shown: Any = node) -> _Edit:
        return _Edit(node, field, index, new, shown, statement, scopes)

    match node:
        case ast.JoinedStr():
            return
        case ast.Call(func=ast.Attribute(attr="warn")) | ast.keyword(arg="strict") | ast.Assert():
            return
        case ast.Call(func=ast.Attribute(attr=name) as function) if name in _NAMES:
            yield _Edit(function, "attr", None, _NAMES[name], function, statement, scopes)
        case ast.Call(func=ast.Name(id=name) as function) if name in _NAMES:
            yield _Edit(function, "id", None, _NAMES[name], function, statement, scopes)
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() if type(node.op) in _OPERATORS:
            yield edit("op", _OPERATORS[type(node.op)]())
        case ast.Compare():
            for i, operator in enumerate(node.ops):
                yield edit("ops", _OPERATORS[type(operator)](), i)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            if not isinstance(test, ast.UnaryOp | ast.Constant):
                yield edit("test", _negated(test), shown=test)
        case ast.comprehension():
            for i, test in enumerate(node.ifs):
                if not isinstance(test, ast.UnaryOp):
                    yield edit("ifs", _negated(test), i, test)
    reshapes = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reshape"
    for field, value in ast.iter_fields(node):
        if field in _UNREAD:
            continue
        several = isinstance(value, list)
        if several and value and isinstance(value[0], ast.stmt):
            yield from _in_block(node, field, scopes)
            continue
        for i, part in enumerate(value if several else [value]):
            index = i if several else None
            for new in _replacements(part):
                yield edit(field, new, index, part)
            if isinstance(part, ast.AST) and not (reshapes and isinstance(part, ast.UnaryOp)):
                yield from _in_node(part, statement, scopes)


def _replacements(node: Any) -> Iterator[ast.expr]:
    """What may stand in place of this expression."""
    match node:
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.copy_location(ast.Constant(not value), node)
        case ast.Constant(value=int(value)):
            yield ast.copy_location(ast.Constant(value + 1), node)
        case ast.Constant(value=float(value)):
            yield ast.copy_location(ast.Constant(2 * value or 1.0), node)
        case ast.Constant(value=str(value)) if " " not in value:
            yield ast.copy_location(ast.Constant("XX" + value), node)


def _negated(test: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), test), test)


def _may_go(node: ast.stmt) -> bool:
    """Whether a program without this statement is still one: calls, raises, stores in objects."""
    match node:
        case ast.Raise() | ast.Expr(value=ast.Call()):
            return True
        case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
            return isinstance(target, ast.Attribute | ast.Subscript)
    return False


def _without_behaviour(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.FunctionDef(name="__repr__"):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False
