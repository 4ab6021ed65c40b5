"""Every number in a RESULTS.md is generated: regenerated, the bytes are the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechbrain_ext.report.results_md import RESULTS_FOLDER, RESULTS_PAGE, results_md

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(
    {path.parent for name in (RESULTS_PAGE, RESULTS_FOLDER, "run.sh") for path in ROOT.glob(f"recipes/*/{name}")}
    - {ROOT / "recipes" / "shared"}
)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_results_md_is_what_its_kept_results_say(recipe: Path) -> None:
    made = f"make it with: python -m speechbrain_ext.bin.report results-md {recipe.relative_to(ROOT)}"
    assert (recipe / RESULTS_PAGE).is_file(), made
    assert (recipe / RESULTS_PAGE).read_bytes() == results_md(recipe).encode("utf-8"), made
