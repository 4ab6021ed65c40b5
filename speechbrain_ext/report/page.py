"""The report page of a corpus: every result below an experiment folder in one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.evaluation import deviations
from speechbrain_ext.evaluation.breakdown import by_class, by_speaker, worst_speaker
from speechbrain_ext.evaluation.cards import (
    card,
    corpus_name,
    epochs_name,
    has_epochs,
    hyperparameters,
    is_partial,
    protocol_name,
    selection_name,
    warnings_of,
)
from speechbrain_ext.evaluation.comparability import paper_name, why_not_comparable
from speechbrain_ext.evaluation.predicted_values import read_predicted_values
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.results import MAKE_RESULTS
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.value_results import is_dimensional
from speechbrain_ext.report.figures.drawing import png_bytes, run_name
from speechbrain_ext.report.figures.overview import FoldGroup, build_forest, fold_groups, forest_figure, groups_warning
from speechbrain_ext.report.figures.run_figures import beside_pngs, run_pngs
from speechbrain_ext.report.figures.value_figures import value_pngs
from speechbrain_ext.utils import text
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_text


def write_report(exp_corpus_folder: str | Path, out_path: str | Path) -> None:
    """Collect every results.json of a corpus and write report.html.

    Arguments
    ---------
    exp_corpus_folder : str or Path
        The folder exp/<CORPUS>-<source>, with <system>/<row>/<protocol>/seed-<n>/results.json below it.
    out_path : str or Path
        The page to write; it needs no other file and no network. Its overview lies beside it as a PDF.

    Raises
    ------
    UserError
        There is no result, a result cannot be read, or mini and real results lie together.
    """
    folder = Path(exp_corpus_folder)
    runs = [_run(path, place, results) for path, place, results in _found(folder)]
    results = [run["results"] for run in runs]
    sources = sorted({one["source"] for one in results})
    if len(sources) > 1:
        raise UserError(f"{folder}: expected results of one source, found {', '.join(sources)}: move one of them away")
    of_classes = [run for run in runs if not run["is_of_values"]]
    of_values = [run for run in runs if run["is_of_values"]]
    class_results = [run["results"] for run in of_classes]
    groups, value_groups = (fold_groups([run["results"] for run in some]) for some in (of_classes, of_values))
    environment = Environment(
        loader=PackageLoader("speechbrain_ext.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        runs=runs,
        systems=_systems(runs, folder),
        groups=_grouped(of_classes, groups),
        groups_warning=groups_warning(groups),
        forest_png=_base64(png_bytes(build_forest, class_results)) if class_results else "",
        value_groups=_grouped(of_values, value_groups),
        value_groups_warning=groups_warning(value_groups),
        value_names=[name for name in DIMENSIONS if any(name in run["results"]["dimensions"] for run in of_values)],
        corpora=sorted({run["corpus"] for run in runs}),
        is_mini=sources == ["mini"],
        is_marked=any(one.get(deviations.KEY) for one in results),
        mark_explanation=deviations.EXPLANATION,
        text=text,
    )
    write_text(out_path, page)
    if class_results:
        forest_figure(class_results, Path(out_path).with_suffix(".overview.pdf"))


def _grouped(runs: Sequence[dict[str, Any]], groups: Sequence[FoldGroup]) -> list[dict[str, Any]]:
    return [{"title": group.title, "runs": [runs[number] for number in group.numbers]} for group in groups]


def _found(folder: Path) -> list[tuple[Path, str, dict[str, Any]]]:
    """List the results below a folder, each with its place as a name; damaged ones are named and left out."""
    paths = sorted(folder.glob("*/*/*/seed-*/results.json"), key=_order)
    found = []
    for path in paths:
        try:
            found.append((path, path.parent.relative_to(folder).as_posix(), read_results(path)))
        except UserError as fault:
            print(f"warning: {fault}; it is left out of the page", flush=True)
    if not found:
        place = "<system>/<row>/<protocol>/seed-<n>/results.json"
        state = "damaged ones only" if paths else "none"
        raise UserError(f"{folder}: expected {place}, found {state}: make one with: {MAKE_RESULTS}")
    return found


def _order(path: Path) -> tuple[Any, ...]:
    *names, seed = path.parent.parts
    number = seed.removeprefix("seed-")
    return (*names, int(number) if number.isdigit() else 0, number)


def _run(path: Path, place: str, results: dict[str, Any]) -> dict[str, Any]:
    """Lay out what the template shows of one run."""
    name, reasons = deviations.marked(run_name(results), results), why_not_comparable(results)
    is_of_values = is_dimensional(results)
    shown = (_of_values if is_of_values else _of_classes)(results, path.parent)
    pngs = shown.pop("pngs") | beside_pngs(path.parent)
    return {
        "id": "run-" + _plain(place),
        "title": f"{name}: {protocol_name(results)}, seed {results['seed']}",
        "name": name,
        "results": results,
        "is_of_values": is_of_values,
        "corpus": corpus_name(results),
        "protocol": protocol_name(results),
        "selection": selection_name(results) if has_epochs(results) else text.DASH,
        "is_partial": is_partial(results),
        "paper": None if reasons else results["paper"],
        "paper_name": "" if reasons else paper_name(results["paper"]),
        "why_no_paper": reasons,
        "warnings": warnings_of(results),
        "card": card(results),
        "hparams": hyperparameters(results),
        **shown,
        "pngs": {name: _base64(data) for name, data in pngs.items()},
        "train_time": text.duration(sum(fold["train_seconds"] for fold in results["folds"])),
        "has_epochs": has_epochs(results),
        "epochs": epochs_name([results]),
        "folds": sorted(results["folds"], key=lambda fold: text.natural_key(fold["name"])),
    }


def _of_classes(results: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What is shown of a run on classes alone."""
    predictions = folder / "predictions.csv"
    speakers = by_speaker(read_predictions(predictions)[0]) if predictions.exists() else []
    shown = {"classes": by_class(results), "speakers": speakers, "worst_speaker": worst_speaker(speakers)}
    return {**shown, "pngs": run_pngs(results, speakers, folder)}


def _of_values(results: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What is shown of a run on dimensions alone."""
    predictions = folder / "predictions.csv"
    rows = read_predicted_values(predictions)[0] if predictions.exists() else []
    return {"pngs": value_pngs(results, rows, folder)}


def _systems(runs: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Put the runs of a system together, with what is said of it over several seeds."""
    systems: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        systems.setdefault(run["results"]["system"], []).append(run)
    laid_out = []
    for name, own in systems.items():
        seeds = _seeds(folder / name, [run["results"] for run in own])
        of_classes = [summary for summary in seeds if not is_dimensional(summary)]
        of_values = [summary for summary in seeds if is_dimensional(summary)]
        known = {"id": "system-" + _plain(name), "name": name, "runs": own}
        laid_out.append({**known, "seeds": of_classes, "value_seeds": of_values})
    return laid_out


def _seeds(folder: Path, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Read each summary.json of a system that sums up more than one seed; damaged ones are named and left out.

    The seeds' results say how the row differs from the paper's preset.
    """
    differing = {one["row"]: one for one in results if one.get(deviations.KEY)}
    found = []
    for path in sorted(folder.glob("*/*/summary.json")):
        try:
            found.append(read_results(path))
        except UserError as fault:
            print(f"warning: {fault}; it is left out of the page", flush=True)
    return [
        {
            **summary,
            "name": deviations.marked(summary["row"], differing.get(summary["row"], {})),
            "protocol_name": protocol_name(summary),
        }
        for summary in found
        if len(summary["seeds"]) > 1
    ]


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
