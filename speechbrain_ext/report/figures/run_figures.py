"""The four figures that stage 3 leaves beside the results of a run, as files and for the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.evaluation.breakdown import by_speaker
from speechbrain_ext.evaluation.cards import has_epochs
from speechbrain_ext.evaluation.predictions import Prediction
from speechbrain_ext.evaluation.results_files import read_listed
from speechbrain_ext.report.figures.bars import build_classes, build_speakers, classes_figure, speakers_figure
from speechbrain_ext.report.figures.drawing import png_bytes
from speechbrain_ext.report.figures.figures import build_confusion, confusion_figure, curves_figure

FIGURES = ("confusion", "classes", "speakers", "curves")


def write_run_figures(
    results: dict[str, Any],
    predictions: Iterable[Prediction],
    history: dict[str, Sequence[dict[str, Any]]],
    folder: str | Path,
) -> list[str]:
    """Write confusion, classes, speakers and curves, each as .png and .pdf; returns the files' names.

    Arguments
    ---------
    results : dict
        The content of results.json.
    predictions : iterable of Prediction
        Every tested utterance.
    history : dict
        As `figures.curves_figure` takes it.
    folder : str or Path
        The folder of results.json.
    """
    folder = Path(folder)
    speakers = by_speaker(predictions)
    title = f"{results['corpus']}, {results['system']} {results['row']}, {results['protocol']}"
    for suffix in ("png", "pdf"):
        confusion_figure(results, folder / f"confusion.{suffix}")
        classes_figure(results, folder / f"classes.{suffix}")
        speakers_figure(results, speakers, folder / f"speakers.{suffix}")
        draw_curves(history, folder / f"curves.{suffix}", title, results)
    names = [f"{name}.{suffix}" for name in FIGURES for suffix in ("png", "pdf")]
    return [name for name in names if (folder / name).exists()]


def draw_curves(history: dict[str, Sequence[dict[str, Any]]], path: Path, title: str, results: dict[str, Any]) -> None:
    """Draw the curves of training; a classifier that is fitted at once has none, and an earlier file is removed."""
    if has_epochs(results):
        curves_figure(history, path, title, results["source"])
    else:
        path.unlink(missing_ok=True)


def beside_pngs(folder: Path) -> dict[str, bytes]:
    """Give the figures that stage 3 draws of some networks only, by name, where they are.

    "silence" is of mask residual networks, "tsne" of those that name vectors beside their embedding.
    """
    paths = {name: folder / f"{name}.png" for name in ("silence", "tsne")}
    return {name: path.read_bytes() for name, path in paths.items() if path.exists()}


def run_pngs(results: dict[str, Any], speakers: Sequence[dict[str, Any]], folder: Path) -> dict[str, bytes]:
    """Give the figures of a run as PNG: the files of stage 3, drawn again where they are missing or damaged.

    Arguments
    ---------
    results : dict
        The content of results.json.
    speakers : sequence of dict
        As `breakdown.by_speaker` gives them; empty where the predictions are not there.
    folder : Path
        The folder of results.json.

    Returns
    -------
    pngs : dict
        Name to bytes; "speakers" and "curves" only where there is something to show.
    """
    builds: dict[str, tuple[Any, ...]] = {"confusion": (build_confusion, results), "classes": (build_classes, results)}
    if speakers:
        builds["speakers"] = (build_speakers, results, speakers)
    pngs = {}
    for name in FIGURES:
        if name == "curves" and not has_epochs(results):
            continue
        data = read_listed(results, folder / f"{name}.png")
        if data is not None:
            pngs[name] = data
        elif name in builds:
            pngs[name] = png_bytes(*builds[name])
    return pngs
