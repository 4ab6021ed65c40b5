"""The scores of a run on dimensions: results.json of one seed and summary.json over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from speechbrain_ext.evaluation.predicted_values import PredictedValues, check_predicted_values
from speechbrain_ext.evaluation.results import as_list, checked_facts, envelope, seeds_of, spread
from speechbrain_ext.metrics.values import concordance, concordance_bootstrap, mean_absolute_error, pearson
from speechbrain_ext.utils.text import natural_key

TARGET = "dimensions"


def is_dimensional(results: dict[str, Any]) -> bool:
    """Tell whether a result or a summary is of dimensions; else it is of classes.

    Example
    -------
    >>> is_dimensional({"target": "dimensions"}), is_dimensional({"classes": ["anger", "fear"]})
    (True, False)
    """
    return results.get("target") == TARGET


def make_value_results(
    rows: Sequence[PredictedValues],
    dimensions: Sequence[str],
    facts: dict[str, Any],
    fold_facts: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Score the predictions of a run: the content of results.json.

    Arguments
    ---------
    rows : sequence of PredictedValues
        Every tested utterance.
    dimensions : sequence of str
        The dimensions, in the order of the values.
    facts, fold_facts
        As `results.make_results` takes them.

    Returns
    -------
    results : dict
        As it is written to results.json; CCC and Pearson's correlation are between -1 and 1, the mean absolute error
        is in the corpus's units.

    Raises
    ------
    ValueError
        A fact is missing, or the predictions do not cover the folds.
    """
    rows = sorted(rows)
    check_predicted_values(rows, dimensions)
    checked_facts(facts, fold_facts, {row.fold for row in rows})
    folds = [_fold([row for row in rows if row.fold == fact["name"]], dimensions, fact) for fact in fold_facts]
    scores = {"pooled": _pooled(rows, dimensions), "folds": folds, "mean": _mean(folds, dimensions)}
    return envelope(facts, {"target": TARGET, "dimensions": list(dimensions)}, scores)


def make_value_summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the results of several seeds together: the content of summary.json.

    Arguments
    ---------
    results : sequence of dict
        results.json of each seed.

    Returns
    -------
    summary : dict
        CCC of "pooled" and of "mean", per dimension and their mean: mean, std (ddof 0) and the value of each seed.

    Raises
    ------
    UserError
        The results are not of one experiment, or a seed stands twice.
    """
    summary, ordered = seeds_of(results, ("target", "dimensions"))
    for part in ("pooled", "mean"):
        by_name = {name: spread([one[part]["ccc"][name] for one in ordered]) for name in summary["dimensions"]}
        summary[part] = {"ccc": by_name, "ccc_mean": spread([one[part]["ccc_mean"] for one in ordered])}
    return summary


def _by_name(
    score: Callable[[np.ndarray, np.ndarray], Any], rows: Sequence[PredictedValues], dimensions: Sequence[str]
) -> dict[str, Any]:
    truth = np.array([row.values for row in rows]).T  # [dimension, utterance]
    found = np.array([row.predicted for row in rows]).T  # [dimension, utterance]
    return {name: score(*pair) for name, *pair in zip(dimensions, truth, found, strict=True)}


def _pooled(rows: Sequence[PredictedValues], dimensions: Sequence[str]) -> dict[str, Any]:
    speakers = [row.speaker for row in rows]

    def interval(truth: np.ndarray, found: np.ndarray) -> list[float] | None:
        return as_list(concordance_bootstrap(truth, found, speakers))

    ccc = _by_name(concordance, rows, dimensions)
    return {
        "n": len(rows),
        "ccc": ccc,
        "ccc_ci95": _by_name(interval, rows, dimensions),
        "ccc_mean": float(np.mean(list(ccc.values()))),
        "pearson": _by_name(pearson, rows, dimensions),
        "mae": _by_name(mean_absolute_error, rows, dimensions),
    }


def _fold(rows: Sequence[PredictedValues], dimensions: Sequence[str], fact: dict[str, Any]) -> dict[str, Any]:
    if len(rows) != fact["n_test"]:
        raise ValueError(f"fold {fact['name']}: expected {fact['n_test']} tested utterances, found {len(rows)}")
    fold = {key: fact[key] for key in ("name", "n_train", "n_dev", "n_test")}
    fold |= {"ccc": _by_name(concordance, rows, dimensions), "mae": _by_name(mean_absolute_error, rows, dimensions)}
    fold |= {key: fact[key] for key in ("epochs", "train_seconds")}
    fold["speakers_test"] = sorted({row.speaker for row in rows}, key=natural_key)
    return fold | {key: value for key, value in fact.items() if key not in fold}


def _mean(folds: Sequence[dict[str, Any]], dimensions: Sequence[str]) -> dict[str, Any]:
    by_name = {name: spread([fold["ccc"][name] for fold in folds]) for name in dimensions}
    means = spread([float(np.mean(list(fold["ccc"].values()))) for fold in folds])
    return {
        "ccc": {name: one["mean"] for name, one in by_name.items()},
        "ccc_std": {name: one["std"] for name, one in by_name.items()},
        "ccc_mean": means["mean"],
        "ccc_mean_std": means["std"],
    }
