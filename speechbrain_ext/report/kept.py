"""Results that a recipe keeps, and the pages that are generated from them, each printed when it is written."""

from __future__ import annotations

from pathlib import Path

from speechbrain_ext.evaluation.results_files import read_results, scored_again, write_results
from speechbrain_ext.report.results_md import RESULTS_FOLDER, RESULTS_PAGE, keep, write_results_md
from speechbrain_ext.report.tables.table_list import write_table_list
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.repository import RECIPES


def keep_result(folder: Path, recipe: Path | None = None) -> None:
    """Keep the result of one seed, and generate RESULTS.md and the list of all tables again.

    Arguments
    ---------
    folder : Path
        `.../seed-<n>` with results.json.
    recipe : Path or None
        The recipe's folder; None for the one that is named as the corpus.
    """
    recipe = recipe or RECIPES / read_results(folder / "results.json").corpus
    _check_recipe(recipe)
    print(f"kept {keep(folder, recipe)}")
    if recipe.resolve().parent == RECIPES:
        print(f"wrote {write_table_list(RECIPES)}")


def generate_results_md(recipe: Path) -> None:
    """Generate RESULTS.md again from the kept results."""
    _check_recipe(recipe)
    write_results_md(recipe)
    print(f"wrote {recipe / RESULTS_PAGE}")


def recompute_results(recipe: Path) -> None:
    """Compute the intervals of all kept results again from their predictions, and generate RESULTS.md again.

    Raises
    ------
    DamagedFile
        A score itself is not that of its predictions: the result was edited.
    """
    _check_recipe(recipe)
    for path in sorted((recipe / RESULTS_FOLDER).glob("*/*.json")):
        known = read_results(path)
        results = scored_again(path, known)
        if results != known:
            write_results(path, results)
        print(f"{'unchanged' if results == known else 'computed again'}: {path}")
    generate_results_md(recipe)


def _check_recipe(recipe: Path) -> None:
    if not recipe.is_dir():
        raise UserError(f"--recipe {recipe}: expected a recipe's folder, found none: name it with --recipe DIR")
