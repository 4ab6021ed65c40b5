"""Makes the mutants of tools/mutation.py: finds every place of a source file that has one, and edits it.

A mutant is one edit of one place: a comparison, an arithmetic or boolean operator, a number (+1, 0), True or False, a
negated condition, a removed statement, keyword argument or bound of a slice, `return None`, min for max, break for
continue. Not edited: docstrings, types, decorators, text, what is raised or printed, `zip(strict=)`, `encoding=`.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

SWAPS = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
    "is": "is not",
}
SWAPS |= {"is not": "is", "+": "-", "-": "+", "*": "/", "/": "*", "//": "/", "%": "*", "**": "*", "|": "&", "&": "|"}
SWAPS |= {"and": "or", "or": "and", "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}
OPERATOR = re.compile(r"not\s+in|is\s+not|\b(?:in|is|and|or)\b|\*\*|//|[<>=!]=|[-+*/%<>|&]")


@dataclass(frozen=True)
class Mutant:
    """One edit of one source file."""

    path: str
    line: int
    last: int  # of the statement, whose lines count as one for what tests execute
    first: int
    start: int  # bytes
    end: int
    new: str
    name: str  # the same when other lines of the file change


class Finder(ast.NodeVisitor):
    """Finds every place of a source that has a mutant."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path, self.source, self.found, self.function = path, source, [], ""
        self.starts, self.seen, self.span = [0], {}, (1, 1)
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.visit(ast.parse(source))

    def visit(self, node: ast.AST) -> None:
        outer = self.span
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            self.span = (node.lineno, max(node.lineno, body[0].lineno - 1) if body else node.end_lineno)
        super().visit(node)
        self.span = outer

    def start(self, node: ast.AST) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.AST) -> int:
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.AST) -> str:
        return self.source[self.start(node) : self.end(node)].decode()

    def add(self, node: ast.AST, start: int, end: int, new: str) -> None:
        old = self.source[start:end].decode()
        line = self.source[: self.start(node)].count(b"\n")
        text = self.source[self.starts[line] : self.starts[line + 1]].decode().strip()
        key = f"{self.path}|{self.function}|{text}|{old}|{new}"
        self.seen[key] = self.seen.get(key, 0) + 1
        self.found.append(
            Mutant(self.path, line + 1, self.span[1], self.span[0], start, end, new, f"{key}|{self.seen[key]}")
        )

    def replace(self, node: ast.AST, new: str) -> None:
        self.add(node, self.start(node), self.end(node), new)

    def swap_between(self, left: ast.AST, right: ast.AST) -> None:
        """Another operator between two operands."""
        start, between = self.end(left), self.source[self.end(left) : self.start(right)]
        match = OPERATOR.search(between.decode("latin-1"))
        if match and (new := SWAPS.get(" ".join(match.group().split()))):
            self.add(left, start + match.start(), start + match.end(), new)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self.function = self.function, f"{self.function}.{node.name}"
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)
        for statement in node.body:
            self.visit(statement)
        self.function = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self.function = self.function, f"{self.function}:{node.name}"
        for statement in node.body:
            self.visit(statement)
        self.function = outer

    def visit_Raise(self, node: ast.Raise) -> None:
        """What is raised is text; the condition above it has its own mutants."""

    visit_JoinedStr = visit_Import = visit_ImportFrom = visit_Raise

    def remove(self, node: ast.stmt) -> None:
        if "." in self.function:  # at a module's top the import would fail
            self.replace(node, "pass")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.remove(node)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.remove(node)
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.remove(node)
        self.swap_between(node.target, node.value)
        self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and not self.text(node).startswith("print("):
            self.remove(node)
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        name = self.text(node.func)
        if name in ("print", "UserError", "warnings.warn", "TypeVar"):
            return
        last = name.rsplit(".", 1)[-1]
        if last in ("min", "max", "minimum", "maximum"):
            self.add(node, self.end(node.func) - len(last), self.end(node.func), SWAPS[last])
        self.visit(node.func)
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg in ("encoding",) or (name == "zip" and keyword.arg == "strict"):
                continue
            if keyword.arg is not None:
                start, end = self.start(keyword), self.end(keyword)
                before = self.source[:start].rstrip()
                start = len(before) - 1 if before.endswith(b",") else start
                if start == self.start(keyword):  # the first argument: its comma stands behind it
                    end += len(re.match(rb"\s*,?\s*", self.source[end:]).group())
                self.add(keyword, start, end, "")
            self.visit(keyword.value)

    def visit_If(self, node: ast.If | ast.While | ast.IfExp) -> None:
        if self.text(node.test) != "TYPE_CHECKING":
            self.replace(node.test, f"(not ({self.text(node.test)}))")
            self.generic_visit(node)

    visit_While = visit_IfExp = visit_If

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self.replace(test, f"(not ({self.text(test)}))")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, right in zip([node.left, *node.comparators], node.comparators, strict=False):
            self.swap_between(left, right)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.swap_between(left, right)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.swap_between(node.left, node.right)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self.replace(node, f"({self.text(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self.replace(node, str(not node.value))
        elif isinstance(node.value, int | float):
            self.replace(node, repr(node.value + 1))
            if node.value not in (0, -1):
                self.replace(node, repr(type(node.value)(0)))

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and self.text(node.value) != "None":
            self.replace(node.value, "None")
            self.visit(node.value)

    def visit_Slice(self, node: ast.Slice) -> None:
        for bound in (node.lower, node.upper):
            if bound is not None:
                self.replace(bound, "")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        self.replace(node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self.replace(node, "break")


def find_mutants(sources: list[str], tree: Path) -> list[Mutant]:
    """All mutants of the files whose text still compiles."""
    found = []
    for path in sources:
        source = (tree / path).read_bytes()
        for mutant in Finder(path, source).found:
            try:
                compile(apply(source, mutant), path, "exec")
            except SyntaxError:
                continue
            found.append(mutant)
    return found


def apply(source: bytes, mutant: Mutant) -> bytes:
    return source[: mutant.start] + mutant.new.encode() + source[mutant.end :]


def diff(source: bytes, mutant: Mutant) -> str:
    lines = [text.decode().splitlines() for text in (source, apply(source, mutant))]
    return "\n".join(difflib.unified_diff(*lines, mutant.path, mutant.path, lineterm="", n=0))


def draw_sample(mutants: list[Mutant], size: int, seed: int) -> list[Mutant]:
    """The mutants with the smallest sha256 of "<seed>:<mutant>": when a line changes, the others stay in the sample."""
    return sorted(mutants, key=lambda mutant: hashlib.sha256(f"{seed}:{mutant.name}".encode()).hexdigest())[:size]
