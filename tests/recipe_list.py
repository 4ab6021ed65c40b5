"""Every system of every recipe, for tests that loop over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechbrain_ext.hparams import list_systems

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
SYSTEMS = sorted(path.stem for path in (RECIPES / "shared/systems").glob("*.yaml"))
NAMES = sorted(path.parent.name for path in RECIPES.glob("*/corpus.yaml"))
EVERY = [(RECIPES / name, system) for name in NAMES for system in list_systems(RECIPES / name)]
each_recipe = pytest.mark.parametrize(
    ("recipe", "system"), EVERY, ids=[f"{recipe.name}/{system}" for recipe, system in EVERY]
)


def write_recipe(folder: Path, system: str, changes: str = "") -> Path:
    """Write a recipe outside the repository, with a system `own` of its own."""
    (folder / "systems").mkdir(parents=True, exist_ok=True)
    (folder / "systems/own.yaml").write_text(system)
    (folder / "corpus.yaml").write_text("corpus: null\nprotocol: random5\n")
    if changes:
        (folder / "hparams").mkdir(exist_ok=True)
        (folder / "hparams/own.yaml").write_text(changes)
    return folder
