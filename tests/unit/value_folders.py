"""Plausible results folders of runs on dimensions for the tests of the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from report_folders import SPEAKERS, facts, fold_facts, write_folder

from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.evaluation.targets import Dimensions, Prediction

DIMENSIONS = ["valence", "activation", "dominance"]


def value_rows(seed: int = 1, n: int = 200, dimensions: int = 3) -> list[Prediction]:
    """Draw votes' means from 1 to 5, and predictions that know a part of them."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        speaker = SPEAKERS[number % len(SPEAKERS)]
        truth = random.integers(2, 11, dimensions) / 2
        found = 1.5 + 0.5 * truth + random.normal(0, 0.6, dimensions) + 0.01 * int(speaker)
        values, predicted = tuple(truth.tolist()), tuple(found.tolist())
        rows.append(Prediction(speaker, f"{speaker}a{number:03d}", speaker, values=values, predicted=predicted))
    return rows


def value_results(dimensions: list[str] = DIMENSIONS, **changes: Any) -> Results:
    """Results of one plausible run on dimensions."""
    known = facts(Dimensions(tuple(dimensions)), **{"row": "dims", **changes})
    rows = value_rows(known.seed, dimensions=len(dimensions))
    return make_results(rows, known, fold_facts(rows))


def write_value_run(exp: Path, history: bool = False, dimensions: list[str] = DIMENSIONS, **changes: Any) -> Path:
    """Write the folder of one seed as stages 2 and 3 leave it."""
    results = value_results(dimensions, **changes)
    losses = [{"epoch": n, "phase_name": "frlm", "train_loss": 1 / n, "dev_ccc": 1 - 1 / n} for n in range(1, 9)]
    logs = {fold.name: losses for fold in results.folds} if history else None
    return write_folder(exp, results, value_rows(results.seed, dimensions=len(dimensions)), logs)
