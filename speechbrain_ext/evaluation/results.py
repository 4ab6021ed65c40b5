"""The scores of an experiment: results.json of one seed and summary.json over seeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from speechbrain_ext.evaluation.predictions import Prediction, check_predictions
from speechbrain_ext.metrics.classes import (
    confusion_matrix,
    expected_calibration_error,
    scores_of_confusion,
    speaker_bootstrap,
)
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.text import natural_key

SCHEMA = 2
MAKE_RESULTS = "./run.sh --stage 2 --stop-stage 3"
# What a run is, and what it was made with; both are facts that the caller knows.
IDENTITY = "corpus source edition system row preset protocol dev selection seed fold_seed".split()
MADE_WITH = "paper parameters commit versions device precision hparams_sha256 manifest_sha256 folds_sha256".split()
SAME_OVER_SEEDS = [key for key in IDENTITY if key != "seed"]


def make_results(
    rows: Sequence[Prediction], classes: Sequence[str], facts: dict[str, Any], fold_facts: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Score the predictions of a run: the content of results.json.

    Arguments
    ---------
    rows : sequence of Prediction
        Every tested utterance.
    classes : sequence of str
        The classes, in the order of the probabilities.
    facts : dict
        What the run is and was made with; keys beyond the known ones pass through.
    fold_facts : sequence of dict
        Per fold: name, n_train, n_dev, n_test, epochs, train_seconds; others pass through.

    Returns
    -------
    results : dict
        As it is written to results.json; scores are fractions.

    Raises
    ------
    ValueError
        A fact is missing, or the predictions do not cover the folds.
    """
    rows = sorted(rows)
    check_predictions(rows, classes)
    checked_facts(facts, fold_facts, {row.fold for row in rows})
    folds = [_fold([row for row in rows if row.fold == fact["name"]], classes, fact) for fact in fold_facts]
    scores = {"pooled": _pooled(rows, classes), "folds": folds, "mean": _mean(folds)}
    return envelope(facts, {"classes": list(classes)}, scores)


def checked_facts(facts: dict[str, Any], fold_facts: Sequence[dict[str, Any]], folds: Collection[str]) -> None:
    """Refuse facts that lack a key, or that are of other folds than those with predictions.

    Raises
    ------
    ValueError
        What is missing.
    """
    missing = [key for key in (*IDENTITY, *MADE_WITH) if key not in facts]
    if missing:
        raise ValueError(f"facts: missing {', '.join(missing)}")
    names = [fact["name"] for fact in fold_facts]
    if sorted(names) != sorted(folds):
        raise ValueError(f"folds: expected predictions of {names}, found {sorted(folds)}")


def envelope(facts: dict[str, Any], target: dict[str, Any], scores: dict[str, Any]) -> dict[str, Any]:
    """Put the keys of results.json into their order: what the run is, its target, its scores, what it was made with."""
    results = {"schema": SCHEMA, **{key: facts[key] for key in IDENTITY}, **target, **scores}
    results |= {key: facts[key] for key in MADE_WITH}
    return results | {key: value for key, value in facts.items() if key not in results}


def targets_of(results: dict[str, Any]) -> list[str]:
    """List what a result or a summary is of: classes, or dimensions where it has them.

    Example
    -------
    >>> targets_of({"classes": ["anger", "fear"]}), targets_of({"dimensions": ["valence"]})
    (['anger', 'fear'], ['valence'])
    """
    return results["dimensions"] if "dimensions" in results else results["classes"]


def make_summary(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the results of several seeds together: the content of summary.json.

    Arguments
    ---------
    results : sequence of dict
        results.json of each seed.

    Returns
    -------
    summary : dict
        Per score of "pooled" and of "mean": mean, std (ddof 0) and the value of each seed.

    Raises
    ------
    UserError
        The results are not of one experiment, or a seed stands twice.
    """
    summary, ordered = seeds_of(results, ("classes",))
    for part, scores in (("pooled", ("wa", "uar", "macro_f1", "ece")), ("mean", ("wa", "uar"))):
        summary[part] = {score: spread([one[part][score] for one in ordered]) for score in scores}
    return summary


def seeds_of(results: Sequence[dict[str, Any]], target: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a summary over seeds begins with, and the results by seed.

    Arguments
    ---------
    results : sequence of dict
        results.json of each seed.
    target : sequence of str
        Keys of the target, which must agree as all others do.

    Raises
    ------
    UserError
        The results are not of one experiment, or a seed stands twice.
    """
    if not results:
        raise ValueError("results: expected at least one seed, found none")
    ordered = sorted(results, key=lambda one: one["seed"])
    same = [*SAME_OVER_SEEDS, *target, "manifest_sha256", "folds_sha256"]
    for key in same:
        found = [one.get(key) for one in ordered]
        if any(value != found[0] for value in found):
            raise UserError(f"seeds differ in {key}: expected one value, found {found}: run them again with --force")
    seeds = [one["seed"] for one in ordered]
    if len(set(seeds)) != len(seeds):
        raise UserError(f"seeds: expected each once, found {seeds}: give each result once")
    return {"schema": SCHEMA, **{key: ordered[0][key] for key in same}, "seeds": seeds}, ordered


def as_list(interval: tuple[float, float] | None) -> list[float] | None:
    """An interval as JSON holds it; None where there is none."""
    return None if interval is None else list(interval)


def _indices(rows: Sequence[Prediction], classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index[row.label] for row in rows]), np.array([index[row.prediction] for row in rows])


def _scores(confusion: np.ndarray) -> dict[str, float]:
    return {metric: float(scores_of_confusion(confusion, metric)) for metric in ("wa", "uar", "macro_f1")}


def _pooled(rows: Sequence[Prediction], classes: Sequence[str]) -> dict[str, Any]:
    truth, prediction = _indices(rows, classes)
    confusion = confusion_matrix(truth, prediction, len(classes))
    speakers = [row.speaker for row in rows]
    scores = _scores(confusion)
    intervals = {score: as_list(speaker_bootstrap(truth, prediction, speakers, score)) for score in ("wa", "uar")}
    return {
        "n": len(rows),
        "wa": scores["wa"],
        "wa_ci95": intervals["wa"],
        "uar": scores["uar"],
        "uar_ci95": intervals["uar"],
        "macro_f1": scores["macro_f1"],
        "ece": expected_calibration_error([row.probabilities for row in rows], truth),
        "confusion": confusion.tolist(),
    }


def _fold(rows: Sequence[Prediction], classes: Sequence[str], fact: dict[str, Any]) -> dict[str, Any]:
    if len(rows) != fact["n_test"]:
        raise ValueError(f"fold {fact['name']}: expected {fact['n_test']} tested utterances, found {len(rows)}")
    confusion = confusion_matrix(*_indices(rows, classes), len(classes))
    fold = {key: fact[key] for key in ("name", "n_train", "n_dev", "n_test")}
    fold |= _scores(confusion) | {"confusion": confusion.tolist()}
    fold |= {key: fact[key] for key in ("epochs", "train_seconds")}
    fold["speakers_test"] = sorted({row.speaker for row in rows}, key=natural_key)
    return fold | {key: value for key, value in fact.items() if key not in fold}


def _mean(folds: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    mean = {}
    for score in ("wa", "uar"):
        one = spread([fold[score] for fold in folds])
        mean |= {score: one["mean"], f"{score}_std": one["std"]}
    return mean


def development_uar(seeds: Sequence[dict[str, Any]]) -> float | None:
    """The mean over folds and seeds of the chosen epoch's UAR on the development part; None where a fold has none.

    Arguments
    ---------
    seeds : sequence of dict
        results.json of each seed.

    Example
    -------
    >>> development_uar([{"folds": [{"dev_uar": 0.5}, {"dev_uar": 0.75}]}]), development_uar([{"folds": [{}]}])
    (0.625, None)
    """
    found = [fold.get("dev_uar") for one in seeds for fold in one["folds"]]
    return None if None in found else float(np.mean(found))


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (ddof 0; None for one value) and the values themselves.

    Example
    -------
    >>> spread([1.0, 3.0]), spread([2.0])
    ({'mean': 2.0, 'std': 1.0, 'values': [1.0, 3.0]}, {'mean': 2.0, 'std': None, 'values': [2.0]})
    """
    std = float(np.std(values)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "std": std, "values": list(values)}
