"""Kept results and RESULTS.md: every number in a recipe's table is generated from a kept results.json."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

from speechbrain_ext.evaluation import deviations
from speechbrain_ext.evaluation.cards import corpus_name, few_speakers, is_partial, protocol_name, row_name
from speechbrain_ext.evaluation.rescoring import check_scores
from speechbrain_ext.evaluation.results import IDENTITY, development_uar
from speechbrain_ext.evaluation.results_files import predictions_path, read_results, write_results
from speechbrain_ext.evaluation.value_results import is_dimensional
from speechbrain_ext.preparation.edition import is_other_edition, is_published
from speechbrain_ext.report import class_md, value_md
from speechbrain_ext.report.tables import paper_rows
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, sha256_bytes, write_text
from speechbrain_ext.utils.folders import check_inside
from speechbrain_ext.utils.text import optimism, percent

RESULTS_FOLDER = "results"
RESULTS_PAGE = "RESULTS.md"
LONGEST_SLUG = 60
KEEP = "python -m speechbrain_ext.bin.report keep EXP"
EXPLANATION = (
    "Scores are per cent. WA: share of utterances recognised. UAR (the papers' UA): mean over the classes of their "
    "recall. Pooled: one score over the utterances of all folds; square brackets: its 95 % interval, bootstrap over "
    "speakers. Mean of folds ±: standard deviation over folds. In a row of several seeds every ± is over seeds. The "
    f"papers' numbers are means over folds. {deviations.EXPLANATION}"
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
        The kept file, without paths of this machine; its predictions are kept beside it, as .csv.

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
    write_results(kept, without_paths({key: value for key, value in results.items() if key not in ("sha256", "files")}))
    write_results_md(recipe)
    return kept


def _refuse_another(kept: Path, results: dict[str, Any]) -> None:
    """Refuse to replace a kept result of another edition or run whose name happens to be the same."""
    try:
        old = read_results(kept) if kept.exists() else {}
    except DamagedFile:
        return
    differing = [key for key in IDENTITY if key in old and old[key] != results[key]]
    if differing:
        raise UserError(
            f"{kept}: expected no result or one of the same {differing[0]}, found {old[differing[0]]!r}: "
            "name this run's edition or row otherwise"
        )


def kept_name(results: dict[str, Any]) -> str:
    """Name a kept result: its edition's folder and <system>.<row>.<protocol>[.dev-<rule>].seed<n>.json.

    Example
    -------
    >>> run = {"edition": "EmoDB (2 s copy)", "system": "svm", "row": "default", "protocol": "speaker", "seed": 1}
    >>> kept_name({**run, "dev": "none"}), kept_name({**run, "dev": "fraction"})
    ('emodb-2-s-copy/svm.default.speaker.seed1.json', 'emodb-2-s-copy/svm.default.speaker.dev-fraction.seed1.json')
    """
    edition = results["edition"]
    slug = re.sub(r"[^a-z0-9]+", "-", edition.lower()).strip("-")
    if not edition.isascii() or not slug or len(slug) > LONGEST_SLUG:
        # What is left of such a name could be nothing, or that of another edition.
        slug = f"{slug[:LONGEST_SLUG].strip('-') or 'edition'}~{sha256_bytes(edition.encode())[:10]}"
    dev = "" if results["dev"] == "none" else f".dev-{results['dev']}"
    return f"{slug}/{results['system']}.{results['row']}.{results['protocol']}{dev}.seed{results['seed']}.json"


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
    kept = sorted(_kept(recipe), key=_order)
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
            lines += ["", f"## {paper_rows.TITLE}", "", EXPLANATION, "", *_table(rows, paper_rows.RULE)]
        return "\n".join(lines).rstrip("\n") + "\n"
    lines += [EXPLANATION, ""]
    for _, edition in groupby(kept, key=lambda results: results["edition"]):
        lines += _edition(list(edition))
    return "\n".join(lines).rstrip("\n") + "\n"


def _kept(recipe: Path) -> list[dict[str, Any]]:
    kept, known = [], deviations.KeptDeviations(recipe)
    for path in sorted((recipe / RESULTS_FOLDER).glob("*/*.json")):
        results = read_results(path)
        _refuse(path, results, recipe.name)
        check_scores(path, results)
        place = path.relative_to(recipe / RESULTS_FOLDER).as_posix()
        if place != kept_name(results):
            raise UserError(
                f"{path}: expected the name {kept_name(results)}, found {place}: keep it again with: {KEEP}"
            )
        kept.append({**results, deviations.KEY: known.of(results)})
    return kept


def _refuse(path: Path, results: dict[str, Any], corpus: str) -> None:
    if results["source"] != "real":
        raise UserError(
            f"{path}: expected a result of a real corpus, found source {results['source']}: run with --corpus-root DIR"
        )
    if results["corpus"] != corpus:
        raise UserError(
            f"{path}: expected a result of {corpus}, found {results['corpus']}: name its recipe with --recipe"
        )
    if is_partial(results):
        raise UserError(
            f"{path}: expected all {results['folds_of_protocol']} folds, found {len(results['folds'])}: run --folds all"
        )


def _order(results: dict[str, Any]) -> tuple[Any, ...]:
    edition = results["edition"]
    group = (not is_published(edition), edition, results["protocol"], results["system"], row_name(results))
    return (*group, results["seed"])


def _edition(kept: list[dict[str, Any]]) -> list[str]:
    lines = [f"## {_plain(corpus_name(kept[0]))}", ""]
    if is_other_edition(kept[0]["corpus"], kept[0]["edition"]):
        lines += ["This copy is not the corpus as published: no paper's number stands beside these rows.", ""]
    for _, group in groupby(kept, key=lambda results: results["protocol"]):
        lines += _protocol(list(group))
    return lines


def _protocol(kept: list[dict[str, Any]]) -> list[str]:
    lines = [f"### {protocol_name(kept[0])}", ""]
    if of_classes := [results for results in kept if not is_dimensional(results)]:
        lines += _table(class_md.class_table(of_classes), class_md.RULE)
    if of_dimensions := [results for results in kept if is_dimensional(results)]:
        lines += [value_md.EXPLANATION, "", *_table(value_md.value_table(of_dimensions), value_md.RULE)]
    commands = [
        f"- {results['system']}, {row_name(results)}, seed {results['seed']}: `{_code(results['command'])}`"
        for results in kept
        if results.get("command")
    ]
    notes = dict.fromkeys(
        f"- {results['system']}, {row_name(results)}: {' '.join(warning.split())}"
        for results in kept
        for warning in own_warnings(results)
    ) | dict.fromkeys(
        f"- {results['system']}, {row_name(results)}, seed {results['seed']}: UAR on the development part, "
        f"mean over folds: {percent(score)}"
        for results in kept
        if (score := development_uar([results])) is not None
    )
    for title, items in (("Notes:", [*notes]), ("Made by:", commands)):
        lines += [title, "", *items, ""] if items else []
    return lines


def own_warnings(results: dict[str, Any]) -> list[str]:
    """A run's warnings but the one on its folds, which is the heading's."""
    told = [warning for warning in results.get("warnings", []) if not warning.startswith(("folds: ", "optimistic: "))]
    settings = "" if any(warning.startswith("settings: ") for warning in told) else deviations.sentence(results)
    optimistic = optimism(results) if results["selection"] == "test" else ""
    return [*told, *filter(None, (settings, few_speakers(results), optimistic))]


def _table(rows: list[list[str]], rule: str) -> list[str]:
    head, *lines = (_row(cells) for cells in rows)
    return [head, rule, *lines, ""]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _code(command: str) -> str:
    """Keep a command in its line of code: a backtick would end it."""
    return " ".join(command.split()).replace("`", "'")


def _plain(cell: str) -> str:
    """Keep a cell in its cell: a bar would end it, a line break the table."""
    return " ".join(cell.split()).replace("|", "\\|")
