"""Figures for a paper of every run of a corpus: without a title, one column and one page wide, as PDF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from speechbrain_ext.evaluation.breakdown import by_speaker
from speechbrain_ext.evaluation.cards import has_epochs
from speechbrain_ext.evaluation.predicted_values import read_predicted_values
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.value_results import is_dimensional
from speechbrain_ext.report.figures.bars import build_classes, build_speakers
from speechbrain_ext.report.figures.drawing import draw_print
from speechbrain_ext.report.figures.figures import build_confusion, build_curves
from speechbrain_ext.report.figures.overview import build_forest
from speechbrain_ext.report.figures.value_figures import build_scatter
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_json
from speechbrain_ext.utils.folders import check_inside
from speechbrain_ext.utils.regular_file import read_regular

FOLDER = "paper"
TRAIN = "./run.sh --stage 2 --stop-stage 2"


def write_print_figures(exp_corpus_folder: str | Path) -> list[Path]:
    """Draw the figures of every run for a paper, in a folder `paper` beside each results.json, and the overview.

    Arguments
    ---------
    exp_corpus_folder : str or Path
        The folder exp/<CORPUS>-<source>.

    Returns
    -------
    paths : list of Path
        What was drawn: confusion, classes, speakers and curves; scatter and curves of a run on dimensions.
    """
    folder = Path(exp_corpus_folder)
    paths, of_classes = [], []
    for path in sorted(folder.glob("*/*/*/seed-*/results.json")):
        try:
            results = read_results(path)
        except UserError:
            # The page names damaged results.
            continue
        # A link, which a received folder may hold, must not lead the figures elsewhere.
        check_inside(folder, path.parent / FOLDER)
        paths += _run(results, path.parent)
        of_classes += [] if is_dimensional(results) else [results]
    if of_classes:
        paths += draw_print(folder / FOLDER / "overview", build_forest, of_classes)
    return paths


def _run(results: dict[str, Any], folder: Path) -> list[Path]:
    place, predictions = folder / FOLDER, folder / "predictions.csv"
    paths = []
    if is_dimensional(results):
        if predictions.exists():
            paths += draw_print(place / "scatter", build_scatter, results, read_predicted_values(predictions)[0])
    else:
        paths += draw_print(place / "confusion", build_confusion, results)
        paths += draw_print(place / "classes", build_classes, results)
        if predictions.exists():
            speakers = by_speaker(read_predictions(predictions)[0])
            paths += draw_print(place / "speakers", build_speakers, results, speakers)
    history = read_history(folder) if has_epochs(results) else {}
    if any(history.values()):
        paths += draw_print(place / "curves", build_curves, history, "", results["source"])
    return paths


def read_history(seed_folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the training logs of all folds below a seed's folder, as `figures.curves_figure` takes them.

    Arguments
    ---------
    seed_folder : Path
        Each fold's folder names in fold.json where its phases were trained.

    Returns
    -------
    history : dict
        Per fold the records of all its phases; empty where nothing was trained here.
    """
    history: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(seed_folder.glob("fold-*/fold.json")):
        record = read_json(path, TRAIN)
        try:
            for phase, place in record["phases"].items():
                log = path.parent / place / f"train_log-{phase}.jsonl"
                if log.exists():
                    lines = read_regular(log).decode("utf-8").splitlines()
                    history.setdefault(record["fold"], []).extend(json.loads(line) for line in lines)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise UserError(
                f"{path}: expected the folders of a fold's training logs ({' '.join(str(fault).split())[:80]}): "
                f"make it again with: {TRAIN} --force"
            ) from None
    return history
