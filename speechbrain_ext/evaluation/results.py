"""Scoring a run, and its seeds together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from speechbrain_ext.evaluation.facts import Facts, Identity
from speechbrain_ext.evaluation.predictions import check_predictions
from speechbrain_ext.evaluation.records import FoldResults, Pooled, Results, Score, Summary
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.training.finished import FoldFacts
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.text import natural_key

T = TypeVar("T", FoldResults, Results, Summary)


def make_results(
    rows: Sequence[Prediction],
    facts: Facts,
    folds: Sequence[FoldFacts],
    temperatures: Mapping[str, float] | None = None,
) -> Results:
    """Score the predictions of a run.

    Arguments
    ---------
    rows : sequence of Prediction
        Every tested utterance.
    facts : Facts
        What the run is and was made with.
    folds : sequence of FoldFacts
        How each fold was trained.
    temperatures : mapping or None
        Of the folds that have a development set, the temperature that was fitted to it.

    Raises
    ------
    ValueError
        The predictions do not fit the target, or do not cover the folds.
    """
    rows, target = sorted(rows), facts.target
    check_predictions(rows, target)
    named, tested = [fold.name for fold in folds], {row.fold for row in rows}
    if sorted(named) != sorted(tested):
        raise ValueError(f"folds: expected predictions of {named}, found {sorted(tested)}")
    scored, by_fold = [], []
    for fold in folds:
        own = [row for row in rows if row.fold == fold.name]
        if len(own) != fold.n_test:
            raise ValueError(f"fold {fold.name}: expected {fold.n_test} tested utterances, found {len(own)}")
        found = target.score(own)
        by_fold.append(found)
        scored.append(
            _extended(
                FoldResults,
                fold,
                scores={name: Score(found[name]) for name in target.scores.fold},
                confusion=target.confusion(own),
                speakers_test=tuple(sorted({row.speaker for row in own}, key=natural_key)),
                temperature=(temperatures or {}).get(fold.name),
            )
        )
    found, intervals = target.score(rows), target.intervals(rows)
    pooled = {name: Score(found[name], intervals.get(name)) for name in target.scores.pooled}
    return _extended(
        Results,
        facts,
        pooled=Pooled(len(rows), pooled, target.confusion(rows)),
        folds=tuple(scored),
        mean={name: mean_of([one[name] for one in by_fold]) for name in target.scores.mean},
    )


def make_summary(seeds: Sequence[Results]) -> Summary:
    """Put the results of several seeds together.

    Arguments
    ---------
    seeds : sequence of Results
        One of each seed.

    Raises
    ------
    UserError
        The results are not of one experiment, or a seed occurs twice.
    """
    if not seeds:
        raise ValueError("results: expected at least one seed, found none")
    ordered = sorted(seeds, key=lambda one: one.seed)
    for one in fields(Identity):
        found = [getattr(results, one.name) for results in ordered]
        if any(value != found[0] for value in found):
            raise UserError(
                f"seeds differ in {one.name}: expected one value, found {found}: run them again with --force"
            )
    numbers = [one.seed for one in ordered]
    if len(set(numbers)) != len(numbers):
        raise UserError(f"seeds: expected each once, found {numbers}: give each result once")
    target = ordered[0].target
    return _extended(
        Summary,
        ordered[0],
        seeds=tuple(numbers),
        pooled={name: _over_seeds([one.pooled[name].value for one in ordered]) for name in target.scores.summary},
        mean={name: _over_seeds([one.mean[name].value for one in ordered]) for name in target.scores.mean},
    )


def mean_of(values: Sequence[float]) -> Score:
    """Mean and standard deviation (ddof 0; None for one value).

    Example
    -------
    >>> mean_of([1.0, 3.0])
    Score(value=2.0, interval=None, std=1.0, of_seeds=())
    """
    return Score(float(np.mean(values)), std=float(np.std(values)) if len(values) > 1 else None)


def _over_seeds(values: Sequence[float]) -> Score:
    return replace(mean_of(values), of_seeds=tuple(values))


def development_uar(seeds: Sequence[Results]) -> float | None:
    """Mean over folds and seeds of the chosen epoch's UAR on the development set; None where a fold has none."""
    found = [fold.dev_uar for one in seeds for fold in one.folds]
    known = [score for score in found if score is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def _extended(kind: type[T], record: Identity | FoldFacts, **others: Any) -> T:
    """Make a record of a kind that has the fields of another one and further ones."""
    shared = {one.name for one in fields(kind)} & {one.name for one in fields(record)} - others.keys()
    return kind(**{name: getattr(record, name) for name in shared}, **others)
