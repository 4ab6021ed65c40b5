"""Imports run one way, also inside functions, and no module is in a cycle."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "speechbrain_ext"
RANKS = [
    ["utils", "losses", "metrics"],
    ["corpora", "features", "testing"],
    ["preparation", "lobes", "exchange", "dataio", "hparams"],
    ["training"],
    ["evaluation"],
    ["report"],
    ["analysis"],
    ["stages"],
    ["cross_corpus"],
    ["bin"],
]
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
NO_TORCH = ("corpora", "preparation", "metrics", "testing", "report")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Absolute names that a file imports anywhere; a package's name stands for its `__init__`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return found


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_part_has_a_rank():
    assert {part(name) for name in MODULES} - {""} == set(RANK)


def test_imports_never_go_up():
    wrong = []
    for name, path in MODULES.items():
        for target in imports(path):
            if target.startswith("speechbrain_ext.") and part(name):
                if RANK[part(target)] > RANK[part(name)]:
                    wrong.append(f"{name} imports {target}")
    assert not wrong, wrong


def test_lobes_and_losses_see_no_corpus_and_corpora_no_torch():
    wrong = []
    for name, path in MODULES.items():
        targets = imports(path)
        if part(name) in ("lobes", "losses"):
            wrong += [f"{name} imports {t}" for t in targets if part(t) in ("corpora", "preparation")]
        if part(name) in NO_TORCH:
            wrong += [
                f"{name} imports {t}" for t in targets if t.split(".")[0] in ("torch", "torchaudio", "speechbrain")
            ]
    assert not wrong, wrong


def test_no_cycle():
    edges = {name: {t for t in imports(path) if t in MODULES and t != name} for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        assert name not in trail, f"cycle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name in done:
            return
        for target in edges[name]:
            visit(target, [*trail, name])
        done.add(name)

    for name in edges:
        visit(name, [])
