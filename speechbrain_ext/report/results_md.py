"""Kept results and RESULTS.md: every number in a recipe's table is generated from a kept results.json."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from speechbrain_ext.evaluation.deviations import KeptDeviations
from speechbrain_ext.evaluation.facts import MARK_EXPLANATION, Facts
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results_files import check_scores, predictions_path, read_results, write_results
from speechbrain_ext.evaluation.results_json import results_from_json, results_to_json
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.preparation.edition import is_published
from speechbrain_ext.report.results_tables import edition_lines, table_lines
from speechbrain_ext.report.score_columns import SCORES_EXPLAINED
from speechbrain_ext.report.tables import paper_rows
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, sha256_bytes, write_text
from speechbrain_ext.utils.folders import check_inside

RESULTS_FOLDER = "results"
RESULTS_PAGE = "RESULTS.md"
LONGEST_SLUG = 60
# What distinguishes one run from another.
RUN_KEYS = "corpus source edition system row preset protocol dev selection seed fold_seed".split()
KEEP = "python -m speechbrain_ext.bin.report keep EXP"
EXPLANATION = (
    f"{SCORES_EXPLAINED} Mean of folds ±: standard deviation over folds. In a row of several seeds every ± is "
    f"over seeds. The papers' numbers are means over folds. {MARK_EXPLANATION}"
)
# An absolute path of the machine, quoted or bare; a fraction such as 4/5 and a web address are none.
QUOTED_PATH = re.compile(r"(?P<quote>['\"])(?:~?/|[A-Za-z]:\\)[^'\"\n]*(?P=quote)")
BARE_PATH = re.compile(r"(?<![\w:/.~])(?:~?/[\w.~+@%-]|[A-Za-z]:\\)[^\s'\",;)]*")


def keep(exp_seed_folder: str | Path, recipe_folder: str | Path) -> Path:
    """Copy the result of one seed into the recipe and generate its RESULTS.md anew.

    Arguments
    ---------
    exp_seed_folder : str or Path
        The folder with results.json.
    recipe_folder : str or Path
        The recipe's folder, named as the corpus.

    Returns
    -------
    kept : Path
        The kept file, without paths of this machine; its predictions are kept under the same name, as .csv.

    Raises
    ------
    UserError
        The result is of the mini corpus, of some folds only, or of another corpus than the recipe's, or its scores are
        not those of its predictions.
    """
    path, recipe = Path(exp_seed_folder) / "results.json", Path(recipe_folder)
    results = read_results(path)
    _refuse(path, results, recipe.resolve().name)
    check_scores(path, results)
    kept = check_inside(recipe / RESULTS_FOLDER, recipe / RESULTS_FOLDER / kept_name(results))
    _refuse_another(kept, results)
    write_text(predictions_path(kept), predictions_path(path).read_bytes().decode("utf-8"))
    write_results(kept, results_from_json(without_paths(results_to_json(results))))
    write_results_md(recipe)
    return kept


def _refuse_another(kept: Path, results: Results) -> None:
    """Refuse to replace a kept result of another edition or run whose name happens to be the same."""
    try:
        old = read_results(kept) if kept.exists() else results
    except DamagedFile:
        return
    for key in RUN_KEYS:
        if getattr(old, key) != getattr(results, key):
            raise UserError(
                f"{kept}: expected no result or one of the same {key}, found {getattr(old, key)!r}: "
                "name this run's edition or row otherwise"
            )


def kept_name(facts: Facts) -> str:
    """Name a kept result: its edition's folder and <system>.<row>.<protocol>[.dev-<rule>].seed<n>.json."""
    slug = re.sub(r"[^a-z0-9]+", "-", facts.edition.lower()).strip("-")
    if not facts.edition.isascii() or not slug or len(slug) > LONGEST_SLUG:
        # What is left of such a name could be nothing, or that of another edition.
        slug = f"{slug[:LONGEST_SLUG].strip('-') or 'edition'}~{sha256_bytes(facts.edition.encode())[:10]}"
    dev = "" if facts.dev == "none" else f".dev-{facts.dev}"
    return f"{slug}/{facts.system}.{facts.row}.{facts.protocol}{dev}.seed{facts.seed}.json"


def without_paths(value: Any) -> Any:
    """Replace the machine's absolute paths in every text of a value by DIR.

    Arguments
    ---------
    value : any
        What JSON can hold.

    Returns
    -------
    value : any
        A copy without absolute paths.

    Example
    -------
    >>> without_paths({"command": "./run.sh --corpus-root /disk/EmoDB --seed 1"})
    {'command': './run.sh --corpus-root DIR --seed 1'}
    >>> without_paths("a share of 4/5, see https://example.org/a")
    'a share of 4/5, see https://example.org/a'
    """
    if isinstance(value, dict):
        return {key: without_paths(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_paths(one) for one in value]
    if isinstance(value, str):
        return BARE_PATH.sub("DIR", QUOTED_PATH.sub("DIR", value))
    return value


def write_results_md(recipe_folder: str | Path) -> None:
    """Generate RESULTS.md from the kept results.

    Arguments
    ---------
    recipe_folder : str or Path
        The recipe's folder, named as the corpus.
    """
    write_text(Path(recipe_folder) / RESULTS_PAGE, results_md(recipe_folder))


def results_md(recipe_folder: str | Path) -> str:
    """Compose the text of RESULTS.md: by edition, then protocol; the same bytes for the same files.

    Arguments
    ---------
    recipe_folder : str or Path
        The recipe's folder, named as the corpus.

    Returns
    -------
    text : str
        Markdown.

    Raises
    ------
    UserError
        A kept file is of the mini corpus, lies under another name than its content says, or cannot be read.
    """
    recipe = Path(recipe_folder).resolve()
    predictions: dict[str | None, Sequence[Prediction]] = {}
    kept = sorted(_kept(recipe, predictions), key=_order)
    lines = [f"# Results on {recipe.name}", "", f"Generated by `{KEEP}` from the files below `{RESULTS_FOLDER}/`;"]
    lines += ["not written by hand.", ""]
    if not kept:
        lines += ["There is no row yet. Run the recipe on the real corpus, then keep its result:", "", "```"]
        lines += [
            "./run.sh --corpus-root DIR --stage 0 --stop-stage 4",
            KEEP.replace("EXP", "exp/<CORPUS>-real/<system>/<row>/<protocol>/seed-<n>"),
            "```",
        ]
        if rows := paper_rows.paper_rows(recipe):
            lines += ["", f"## {paper_rows.TITLE}", "", EXPLANATION, "", *table_lines(rows, paper_rows.RULE)]
        return "\n".join(lines).rstrip("\n") + "\n"
    lines += [EXPLANATION, ""]
    for _, edition in groupby(kept, key=lambda results: results.edition):
        lines += edition_lines(list(edition), predictions)
    return "\n".join(lines).rstrip("\n") + "\n"


def _kept(recipe: Path, predictions: dict[str | None, Sequence[Prediction]]) -> list[Results]:
    """Read and check the kept results; their predictions are put in a mapping by their SHA-256."""
    kept, known = [], KeptDeviations(recipe)
    for path in sorted((recipe / RESULTS_FOLDER).glob("*/*.json")):
        results = read_results(path)
        _refuse(path, results, recipe.name)
        check_scores(path, results)
        place = path.relative_to(recipe / RESULTS_FOLDER).as_posix()
        if place != kept_name(results):
            raise UserError(
                f"{path}: expected the name {kept_name(results)}, found {place}: keep it again with: {KEEP}"
            )
        predictions[results.sha256], _ = read_predictions(predictions_path(path))
        kept.append(replace(results, differs_from_paper=known.of(results)))
    return kept


def _refuse(path: Path, results: Results, corpus: str) -> None:
    if results.source != "real":
        raise UserError(
            f"{path}: expected a result of a real corpus, found source {results.source}: run with --corpus-root DIR"
        )
    if results.corpus != corpus:
        raise UserError(f"{path}: expected a result of {corpus}, found {results.corpus}: name its recipe with --recipe")
    if results.is_partial:
        raise UserError(
            f"{path}: expected all {results.folds_of_protocol} folds, found {len(results.folds)}: run --folds all"
        )


def _order(results: Results) -> tuple[object, ...]:
    edition = results.edition
    group = (not is_published(edition), edition, results.protocol, results.system, results.row_name)
    return (*group, results.seed)
