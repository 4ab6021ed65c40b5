"""No module keeps state that one test could leave to another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "speechbrain_ext"
CHANGING = {"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "add", "discard", "popitem"}
# Their values change whenever they are asked.
COUNTERS = {"count", "cycle", "Random", "default_rng", "Generator"}


def kept_state(source: str) -> list[str]:
    """Lines of a module that keep state at its level: `global`, counters, and containers that functions change.

    `functools.lru_cache` is allowed: it is emptied with `cache_clear`.
    """
    tree = ast.parse(source)
    found, names = [], set()
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
            called = statement.value.func if isinstance(statement.value, ast.Call) else None
            if getattr(called, "attr", getattr(called, "id", None)) in COUNTERS:
                found.append(f"line {statement.lineno}: a counter")
    for function in (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
        own = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                found.append(f"line {node.lineno}: global")
            changed = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
                changed = node.func.value
            if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
                changed = node.value
            if isinstance(changed, ast.Name) and changed.id in names - own:
                found.append(f"line {node.lineno}: {changed.id} is changed")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_keeps_state(path):
    assert not kept_state(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "_free = []\ndef give(x):\n    _free.append(x)",
        "_free: list = []\nclass A:\n    def __del__(self):\n        _free[:] = []",
        "import itertools\nRUNS = itertools.count(1)",
        "PATH = 1\ndef begin():\n    global PATH\n    PATH = 2",
        "CACHE = {}\ndef look(x):\n    CACHE[x] = 1",
    ],
)
def test_kept_state_is_found(source):
    assert len(kept_state(source)) == 1


def test_what_a_function_makes_itself_may_change():
    assert not kept_state("names = []\ndef f(names):\n    names.append(1)\ndef g():\n    names = []\n    names.pop()")
