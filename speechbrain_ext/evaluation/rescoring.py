"""Scores computed again from predictions.csv, to check a results.json against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speechbrain_ext.evaluation.predicted_values import read_predicted_values
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.results import MAKE_RESULTS, make_results, targets_of
from speechbrain_ext.evaluation.results_files import predictions_path
from speechbrain_ext.evaluation.value_results import is_dimensional, make_value_results
from speechbrain_ext.utils.files import DamagedFile

SCORED = ("pooled", "mean")
COUNTED = ("name", "n_test", "speakers_test", "wa", "uar", "macro_f1", "confusion", "ccc", "mae")


def check_scores(path: str | Path, results: dict[str, Any]) -> None:
    """Refuse a result whose scores are not those of its predictions.

    Arguments
    ---------
    path : str or Path
        results.json or a kept result; its predictions are read.
    results : dict
        Its content.

    Raises
    ------
    DamagedFile
        A score differs, or the predictions do not cover the folds; the first one is named.
    UserError
        The predictions cannot be read.
    """
    predictions = predictions_path(path)
    read, make = (
        (read_predicted_values, make_value_results) if is_dimensional(results) else (read_predictions, make_results)
    )
    rows, targets = read(predictions)
    try:
        if targets != targets_of(results):
            raise ValueError(f"expected {', '.join(targets_of(results))}, found {', '.join(targets)}")
        again = make(rows, targets, results, results["folds"])
    except (ValueError, KeyError) as fault:
        raise _refusal(path, predictions, str(fault)) from None
    for part in SCORED:
        for key, value in again[part].items():
            if results[part].get(key) != value:
                raise _refusal(path, predictions, f"{part} {key} is {results[part].get(key)}, computed again {value}")
    for fold, known in zip(again["folds"], results["folds"], strict=True):
        for key in COUNTED:
            if fold.get(key) != known.get(key):
                raise _refusal(
                    path, predictions, f"{key} of fold {fold['name']} is {known.get(key)}, not {fold.get(key)}"
                )


def _refusal(path: str | Path, predictions: Path, why: str) -> DamagedFile:
    return DamagedFile(
        f"{path}: expected the scores of {predictions.name}, found others: {why}: make both again with: {MAKE_RESULTS}"
    )
