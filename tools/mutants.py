"""Mutants of a Python file: each is one small change of the code that a test should notice."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
COMPUTED = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*", ast.Pow: "*",
    ast.BitAnd: "|", ast.BitOr: "&", ast.MatMult: "*",
}  # fmt: skip
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any", "amin": "amax", "amax": "amin"}


@dataclass(frozen=True)
class Mutant:
    """A file with one change.

    Attributes
    ----------
    path : str
        The file, from the repository's root.
    line : int
        Where the change begins.
    kind : str
        What kind of change it is.
    source : str
        The changed file.
    diff : str
        The changed lines.
    """

    path: str
    line: int
    kind: str
    source: str
    diff: str


Edit = tuple[str, int, int, str]  # kind, first and last byte, new text


def mutants_of(path: str, source: str) -> list[Mutant]:
    """All mutants of a file, in the order of their lines; those that do not compile or change nothing are left out.

    Messages of errors, annotations, docstrings and f-strings stay as they are: no test should depend on them alone.
    """
    text = source.encode("utf-8")
    tree = ast.parse(source)
    before, found, seen = ast.dump(tree), [], set()
    for kind, start, end, new in _Finder(text, tree).edits():
        changed = (text[:start] + new.encode("utf-8") + text[end:]).decode("utf-8")
        if changed in seen:
            continue
        seen.add(changed)
        try:
            if ast.dump(ast.parse(changed)) == before:
                continue
            compile(changed, path, "exec")
        except (SyntaxError, ValueError):
            continue
        lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)
        diff = "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
        found.append(Mutant(path, text[:start].count(b"\n") + 1, kind, changed, diff))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.kind, mutant.diff))


class _Finder:
    """Finds the places of a file that are changed, as ranges of bytes."""

    def __init__(self, text: bytes, tree: ast.Module) -> None:
        self.text, self.tree = text, tree
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def edits(self) -> Iterator[Edit]:
        for node in self._walk(self.tree):
            yield from self._edits_of(node)

    def _walk(self, node: ast.AST) -> Iterator[ast.AST]:
        """All nodes but those whose change no test should notice."""
        yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not self._is_left_alone(child):
                    yield from self._walk(child)

    @staticmethod
    def _is_left_alone(node: ast.AST) -> bool:
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert, ast.Import, ast.ImportFrom)):
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return True
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return True
        return isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("print", "TypeVar", "NewType")

    def _edits_of(self, node: ast.AST) -> Iterator[Edit]:
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
                yield "comparison", self._end(left), self._start(right), f" {COMPARED[type(operator)]} "
        elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED and not self._has_text(node):
            yield from self._between("arithmetic", node.left, node.right, COMPUTED[type(node.op)])
        elif isinstance(node, ast.BoolOp):
            other = "or" if isinstance(node.op, ast.And) else "and"
            for left, right in zip(node.values, node.values[1:], strict=False):
                yield from self._between("and, or", left, right, other)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
            yield "sign or not", self._start(node), self._start(node.operand), ""
        elif isinstance(node, ast.Constant):
            yield from self._of_constant(node)
        elif isinstance(node, (ast.If, ast.IfExp)):
            yield "condition", self._start(node.test), self._end(node.test), f"(not ({self._source(node.test)}))"
        elif isinstance(node, ast.comprehension):
            for test in node.ifs:
                yield "condition", self._start(test), self._end(test), "True"
        elif isinstance(node, (ast.Break, ast.Continue)):
            other = "continue" if isinstance(node, ast.Break) else "break"
            yield "break, continue", self._start(node), self._end(node), other
        elif isinstance(node, ast.Call):
            yield from self._of_call(node)
        elif isinstance(node, ast.Return) and node.value is not None and self._source(node.value) != "None":
            yield "return value", self._start(node.value), self._end(node.value), "None"
        elif isinstance(node, (ast.AugAssign, ast.Expr)) or self._sets_part(node):
            if not (isinstance(node, ast.Expr) and isinstance(node.value, (ast.Yield, ast.YieldFrom))):
                yield "statement left out", self._start(node), self._end(node), "pass"
        elif isinstance(node, ast.Slice):
            for bound in (node.lower, node.upper):
                if bound is not None:
                    yield "slice", self._start(bound), self._end(bound), ""

    @staticmethod
    def _sets_part(node: ast.AST) -> bool:
        """Whether a statement sets an attribute or an item."""
        return isinstance(node, ast.Assign) and all(
            isinstance(each, (ast.Attribute, ast.Subscript)) for each in node.targets
        )

    def _of_constant(self, node: ast.Constant) -> Iterator[Edit]:
        place = self._start(node), self._end(node)
        if isinstance(node.value, bool):
            yield "constant", *place, str(not node.value)
        elif isinstance(node.value, int):
            yield "constant", *place, str(node.value + 1)
        elif isinstance(node.value, float):
            yield "constant", *place, repr(2 * node.value + 1)

    def _of_call(self, node: ast.Call) -> Iterator[Edit]:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in SWAPPED:
            end = self._end(node.func)
            yield "swapped function", end - len(name), end, SWAPPED[name]
        for keyword in node.keywords:
            if keyword.arg and not isinstance(keyword.value, ast.JoinedStr):
                start, end = self._start(keyword), self._end(keyword)
                after = self.text[end:]
                comma = len(after) - len(after.lstrip(b" \n")) + 1 if after.lstrip(b" \n").startswith(b",") else 0
                yield "argument left out", start, end + comma, ""

    def _between(self, kind: str, left: ast.expr, right: ast.expr, new: str) -> Iterator[Edit]:
        """Replace the operator between two operands, whose brackets may lie between them too."""
        start, end = self._end(left), self._start(right)
        old = self.text[start:end].decode("utf-8")
        operator = old.strip(" ()\n\\")
        if operator and "#" not in old:
            yield kind, start, end, old.replace(operator, new, 1)

    @staticmethod
    def _has_text(node: ast.BinOp) -> bool:
        texts = (ast.JoinedStr,)
        return any(
            isinstance(side, texts) or (isinstance(side, ast.Constant) and isinstance(side.value, (str, bytes)))
            for side in (node.left, node.right)
        )

    def _start(self, node: ast.AST) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.AST) -> int:
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def _source(self, node: ast.AST) -> str:
        return self.text[self._start(node) : self._end(node)].decode("utf-8")
