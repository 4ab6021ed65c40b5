"""The figures of every run: drawn by stage 4 into the run's folder, and for a paper into the folder `paper` in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from speechbrain_ext.evaluation.breakdown import by_speaker
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.report.figures.bars import build_classes, build_speakers
from speechbrain_ext.report.figures.drawing import draw_file, draw_print
from speechbrain_ext.report.figures.figures import History, build_confusion, build_curves, build_scatter
from speechbrain_ext.report.figures.reliability import build_reliability
from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import check_files, read_json, read_sealed, sha256_file, sha256_json, write_sealed
from speechbrain_ext.utils.folders import check_inside, is_name
from speechbrain_ext.utils.json_fields import required
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.regular_file import read_regular

RECORD = "figures.json"
KINDS = ("png", "pdf")
PRINT_FOLDER = "paper"
MAKE_FIGURES = "./run.sh --stage 4 --stop-stage 4"
TRAIN = "./run.sh --stage 2 --stop-stage 2"


@dataclass(frozen=True)
class RunFigure:
    """A figure of a run.

    Arguments
    ---------
    name : str
        Of its files, without `.png` and `.pdf`.
    made_from : str
        Hash of what it shows; the figure is drawn again where that has changed.
    build : callable
        Builds the figure; raises a UserError where it cannot be drawn, `NothingToDraw` where the run has none.
    """

    name: str
    made_from: str
    build: Callable[[], Figure]


@dataclass(frozen=True)
class Drawn:
    """What a figure was made from, and the SHA-256 of its files by name; none where the run has no such figure."""

    made_from: str = required(parse.text)
    files: Mapping[str, str] = required(parse.mapping_of(parse.text))


class NothingToDraw(Exception):
    """Raised where a figure shows something that the run does not have."""


MoreFigures = Callable[[Path, Results], Sequence[RunFigure]]


def figures_of(folder: Path, results: Results) -> list[RunFigure]:
    """List the figures of a run that are drawn from its results, predictions and training logs.

    Arguments
    ---------
    folder : Path
        The folder of results.json.
    results : Results
    """
    made_from = sha256_file(folder / "results.json")
    rows, _ = read_predictions(folder / "predictions.csv")
    if results.has_dimensions:
        figures = [RunFigure("scatter", made_from, partial(build_scatter, results, rows))]
    else:
        builds = {
            "confusion": partial(build_confusion, results),
            "classes": partial(build_classes, results),
            "speakers": partial(build_speakers, results, by_speaker(rows)),
            "reliability": partial(build_reliability, results, rows),
        }
        figures = [RunFigure(name, made_from, build) for name, build in builds.items()]
    try:
        history = read_history(folder, results) if results.has_epochs else {}
    except UserError as fault:
        print(f"warning: {fault}: no curves of training", flush=True)
        history = {}
    if history:
        title = f"{results.corpus}, {results.system} {results.row}, {results.protocol}"
        shown_from = sha256_json([made_from, history])
        figures.append(RunFigure("curves", shown_from, partial(build_curves, history, title, results.source)))
    return figures


def draw_run(folder: Path, figures: Sequence[RunFigure]) -> list[str]:
    """Draw the figures of a run that are missing, damaged or of other results, each as .png and .pdf.

    Arguments
    ---------
    folder : Path
        The run's folder; a sealed record there holds what each figure was made from, and the hashes of its files.
    figures : sequence of RunFigure

    Returns
    -------
    names : list of str
        Those that are there; why another one cannot be drawn is printed.
    """
    record, drawn = _read_record(folder), {}
    for figure in figures:
        known = record.get(figure.name)
        if known is None or known.made_from != figure.made_from or not _is_sound(folder, known.files):
            known = _draw(folder, figure)
        if known is not None:
            drawn[figure.name] = known
    for name in record.keys() - drawn.keys():
        _remove(folder, name)
    if drawn != record:
        write_sealed(folder / RECORD, parse.plain(drawn))
    return [name for name, known in drawn.items() if known.files]


def draw_run_for_paper(root: Path, folder: Path, results: Results) -> list[Path]:
    """Draw the figures of a run for a paper, in the folder `paper` in its own.

    Arguments
    ---------
    root : Path
        The folder that a link in the run's folder must not lead out of.
    folder : Path
        The folder of results.json.
    results : Results
    """
    place = check_inside(root, folder / PRINT_FOLDER)
    figures = figures_of(folder, results)
    return [path for figure in figures for path in draw_print(place / figure.name, figure.build)]


def read_history(folder: Path, results: Results) -> History:
    """Read the training logs of a run's folds; empty where nothing was trained here.

    Arguments
    ---------
    folder : Path
        The run's folder; fold.json in each fold's folder names the folders in which its phases were trained.
    results : Results
    """
    history: dict[str, list[dict[str, Any]]] = {fold.name: [] for fold in results.folds}
    for path in sorted(folder.glob("fold-*/fold.json")):
        record = read_json(path, TRAIN)
        try:
            for phase, place in record["phases"].items():
                log = path.parent / place / f"train_log-{phase}.jsonl"
                if record["fold"] in history and log.exists():
                    lines = read_regular(log).decode("utf-8").splitlines()
                    history[record["fold"]] += map(_epoch, lines)
        except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as fault:
            raise UserError(
                f"{path}: expected the folders of a fold's training logs ({' '.join(str(fault).split())[:80]}): "
                f"make it again with: {TRAIN} --force"
            ) from None
    return {fold: epochs for fold, epochs in history.items() if epochs}


def _epoch(line: str) -> JsonObject:
    record = json.loads(line)
    if type(record["epoch"]) is not int or type(record["phase_name"]) is not str:
        raise ValueError(f"no epoch: {line[:40]}")
    return record


def _read_record(folder: Path) -> dict[str, Drawn]:
    """Read what was drawn before; a damaged record is named, and all is drawn again."""
    path = folder / RECORD
    try:
        record = read_sealed(path, MAKE_FIGURES) if path.exists() else {}
        return {name: parse.parse_field(record, name, parse.record_of(Drawn)) for name in record if is_name(name)}
    except UserError as fault:
        print(f"warning: {fault}: drawn again", flush=True)
    except parse.UnexpectedField as fault:
        print(f"warning: {path}: damaged or edited: {fault}: drawn again", flush=True)
    return {}


def _is_sound(folder: Path, files: Mapping[str, str]) -> bool:
    try:
        check_files(folder / RECORD, files, MAKE_FIGURES)
    except UserError as fault:
        print(f"warning: {fault}: drawn again", flush=True)
        return False
    return True


def _draw(folder: Path, figure: RunFigure) -> Drawn | None:
    """Draw a figure; an older one must not stay where the new one cannot be drawn."""
    _remove(folder, figure.name)
    try:
        for kind in KINDS:
            draw_file(folder / f"{figure.name}.{kind}", figure.build)
    except NothingToDraw:
        return Drawn(figure.made_from, {})
    except UserError as fault:
        print(f"note: no {figure.name}.png: {fault}", flush=True)
        return None
    names = [f"{figure.name}.{kind}" for kind in KINDS]
    return Drawn(figure.made_from, {name: sha256_file(folder / name) for name in names})


def _remove(folder: Path, name: str) -> None:
    for kind in KINDS:
        (folder / f"{name}.{kind}").unlink(missing_ok=True)
