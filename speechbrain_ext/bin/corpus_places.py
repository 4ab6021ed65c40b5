"""Where corpora are that are named on the command line; imports no package."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.nearest import suggestion
from speechbrain_ext.utils.repository import RECIPES

SHARED = RECIPES / "shared"


def find_corpus(name: str, roots: Mapping[str, str] = MappingProxyType({})) -> tuple[Path, str, str]:
    """The recipe's folder, the name, and the folder or CSV of a corpus; "" where no folder is known.

    Raises
    ------
    UsageError
        There is no such recipe.
    """
    if name.lower().endswith(".csv"):
        return SHARED, Path(name).name[: -len(".csv")], str(Path(name).expanduser().resolve())
    known = sorted(path.parent.name for path in RECIPES.glob("*/run.sh") if path.parent != SHARED)
    if name not in known:
        raise UsageError(f"{name}: expected a recipe or the path of a CSV: {suggestion(name, known, 'recipes')}")
    variable = f"{name.upper().replace('-', '_')}_ROOT"
    return RECIPES / name, name, roots.get(name, os.environ.get(variable, ""))


def check_roots(option: str, found: Sequence[tuple[Path, str, str]], cure: str) -> None:
    """Refuse real corpora and mini corpora together."""
    if any(root for _, _, root in found) and (missing := [name for _, name, root in found if not root]):
        raise UsageError(
            f"{option}: {', '.join(missing)} have no folder and the others have: expected real corpora throughout, "
            f"or mini corpora: add {cure.format(missing[0])}"
        )
