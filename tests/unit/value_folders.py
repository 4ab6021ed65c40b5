"""Plausible results folders of runs on dimensions for the tests of the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from report_folders import SPEAKERS, facts, fold_facts

from speechbrain_ext.evaluation.predicted_values import PredictedValues, write_predicted_values
from speechbrain_ext.evaluation.results_files import write_results
from speechbrain_ext.evaluation.value_results import make_value_results
from speechbrain_ext.report.figures.value_figures import write_value_figures

DIMENSIONS = ["valence", "activation", "dominance"]


def value_rows(seed: int = 1, n: int = 200, dimensions: int = 3) -> list[PredictedValues]:
    """Draw votes' means from 1 to 5, and predictions that know a part of them."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        speaker = SPEAKERS[number % len(SPEAKERS)]
        truth = random.integers(2, 11, dimensions) / 2
        found = 1.5 + 0.5 * truth + random.normal(0, 0.6, dimensions) + 0.01 * int(speaker)
        values, predicted = tuple(truth.tolist()), tuple(found.tolist())
        rows.append(PredictedValues(speaker, f"{speaker}a{number:03d}", speaker, values, predicted))
    return rows


def value_results(dimensions: list[str] = DIMENSIONS, **changes: Any) -> dict[str, Any]:
    """Results of one plausible run on dimensions."""
    known = facts(**{"row": "dims", **changes})
    rows = value_rows(known["seed"], dimensions=len(dimensions))
    return make_value_results(rows, dimensions, known, fold_facts(rows))


def write_value_run(exp: Path, figures: bool = False, dimensions: list[str] = DIMENSIONS, **changes: Any) -> Path:
    """Write the folder of one seed as stage 3 leaves it."""
    results = value_results(dimensions, **changes)
    folder = exp / f"{results['corpus']}-{results['source']}" / results["system"] / results["row"]
    folder = folder / results["protocol"] / f"seed-{results['seed']}"
    rows = value_rows(results["seed"], dimensions=len(dimensions))
    write_predicted_values(folder / "predictions.csv", rows, dimensions)
    files = []
    if figures:
        losses = [{"epoch": n, "phase_name": "frlm", "train_loss": 1 / n, "dev_ccc": 1 - 1 / n} for n in range(1, 9)]
        files = write_value_figures(results, rows, {fold["name"]: losses for fold in results["folds"]}, folder)
    write_results(folder / "results.json", results, files)
    return folder
