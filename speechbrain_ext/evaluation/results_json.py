"""Results and summaries as JSON, in the keys and the order of schema 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from speechbrain_ext.evaluation.records import (
    SCHEMA,
    FoldResults,
    Pooled,
    Results,
    Score,
    Scores,
    Summary,
)
from speechbrain_ext.evaluation.targets import Classes, Confusion, Dimensions, Target
from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.json_values import JsonObject, JsonValue

DIMENSIONS = "dimensions"
# Other keys follow these.
ORDER = (
    "schema sha256 files corpus source edition system row preset protocol dev selection seed fold_seed target classes "
    "dimensions pooled folds mean paper parameters commit versions device precision hparams_sha256 manifest_sha256 "
    "folds_sha256 name n_train n_dev n_test wa uar macro_f1 ccc mae confusion epochs train_seconds speakers_test"
).split()


Spreads = Mapping[str, tuple[str, Callable[[Any], Any]]]
STD: Spreads = {"std": ("_std", parse.number)}
INTERVAL: Spreads = {"interval": ("_ci95", parse.interval)}


def results_to_json(results: Results) -> JsonObject:
    """Write results as a JSON object."""
    scores: JsonObject = {
        "pooled": pooled_to_json(results),
        "folds": [fold_to_json(fold) for fold in results.folds],
        "mean": mean_to_json(results),
    }
    known = parse.write_fields(results, Results)
    return _ordered({"schema": SCHEMA, **known, **_target_to_json(results.target), **scores})


def results_from_json(record: JsonObject) -> Results:
    """Read results from a JSON object.

    Raises
    ------
    UnexpectedField
        A value is missing or not what stage 3 writes; its key is named.
    """
    target = _target_from_json(record)
    return parse.read_record(
        Results,
        record,
        target=target,
        pooled=parse.parse_field(record, "pooled", lambda pooled: _pooled(pooled, target)),
        folds=parse.parse_field(record, "folds", lambda folds: _folds(folds, target)),
        mean=parse.parse_field(record, "mean", lambda mean: _scores(mean, target, target.scores.mean, STD)),
    )


def summary_to_json(summary: Summary) -> JsonObject:
    """Write a summary as a JSON object."""

    def write(scores: Scores) -> JsonObject:
        spreads = {name: {"mean": one.value, "std": one.std, "values": [*one.of_seeds]} for name, one in scores.items()}
        return _put((name, "", spread) for name, spread in spreads.items())

    known = parse.write_fields(summary, Summary)
    scores = {"pooled": write(summary.pooled), "mean": write(summary.mean)}
    return _ordered({"schema": SCHEMA, **known, **_target_to_json(summary.target), **scores})


def summary_from_json(record: JsonObject) -> Summary:
    """Read a summary from a JSON object; errors are those of `results_from_json`."""
    target = _target_from_json(record)

    def spread(value: Any) -> Score:
        return Score(
            parse.parse_field(value, "mean", parse.number),
            std=parse.parse_field(value, "std", parse.or_none(parse.number)),
            of_seeds=parse.parse_field(value, "values", parse.list_of(parse.number)),
        )

    def spreads(names: tuple[str, ...]) -> Callable[[Any], Scores]:
        return lambda value: {name: _take(value, name, "", spread) for name in names}

    return parse.read_record(
        Summary,
        record,
        target=target,
        pooled=parse.parse_field(record, "pooled", spreads(target.scores.summary)),
        mean=parse.parse_field(record, "mean", spreads(target.scores.mean)),
    )


def pooled_to_json(results: Results) -> JsonObject:
    """Write the pooled scores."""
    pooled, target = results.pooled, results.target
    values = []
    for name in target.scores.pooled:
        values.append((name, "", pooled[name].value))
        if name in target.scores.with_interval:
            values.append((name, "_ci95", parse.plain(pooled[name].interval)))
    return {"n": pooled.n, **_put(values), **_confusion_to_json(pooled.confusion)}


def mean_to_json(results: Results) -> JsonObject:
    """Write the means over folds."""
    return _put(
        (name, suffix, value)
        for name, score in results.mean.items()
        for suffix, value in (("", score.value), ("_std", score.std))
    )


def fold_to_json(fold: FoldResults) -> JsonObject:
    """Write a fold with its scores."""
    scores = _put((name, "", score.value) for name, score in fold.scores.items())
    return _ordered({**parse.write_fields(fold, FoldResults), **scores, **_confusion_to_json(fold.confusion)})


def _ordered(record: JsonObject) -> JsonObject:
    return {key: record[key] for key in ORDER if key in record} | record


def _target_to_json(target: Target) -> JsonObject:
    names: list[JsonValue] = [*target.names]
    if isinstance(target, Dimensions):
        return {"target": DIMENSIONS, DIMENSIONS: names}
    return {"classes": names}


def _target_from_json(record: JsonObject) -> Target:
    if record.get("target") == DIMENSIONS:
        return Dimensions(parse.parse_field(record, DIMENSIONS, parse.names))
    return Classes(parse.parse_field(record, "classes", parse.names))


def _pooled(record: Any, target: Target) -> Pooled:
    scores = _scores(record, target, target.scores.pooled, INTERVAL)
    return Pooled(parse.parse_field(record, "n", parse.count), scores, _confusion(record, target))


def _folds(value: Any, target: Target) -> tuple[FoldResults, ...]:
    def fold(record: Any) -> FoldResults:
        scores = _scores(record, target, target.scores.fold, {})
        return parse.read_record(FoldResults, record, scores=scores, confusion=_confusion(record, target))

    folds = parse.list_of(fold)(value)
    if not folds:
        raise ValueError(value)
    return folds


def _scores(record: Any, target: Target, names: tuple[str, ...], spreads: Spreads) -> Scores:
    parse_value = parse.share if isinstance(target, Classes) else parse.number
    scores = {}
    for name in names:
        found = {
            key: _take(record, name, suffix, parse.or_none(parse_spread))
            for key, (suffix, parse_spread) in spreads.items()
            if key == "std" or name in target.scores.with_interval
        }
        scores[name] = Score(_take(record, name, "", parse_value), **found)
    return scores


def _confusion(record: Any, target: Target) -> Confusion:
    if not isinstance(target, Classes):
        return ()

    def matrix(value: Any) -> Confusion:
        rows = parse.list_of(parse.list_of(parse.count))(value)
        if {len(rows), *map(len, rows)} != {len(target.names)}:
            raise ValueError(value)
        return rows

    return parse.parse_field(record, "confusion", matrix)


def _confusion_to_json(confusion: Confusion) -> JsonObject:
    return {"confusion": parse.plain(confusion)} if confusion else {}


def _put(values: Iterable[tuple[str, str, JsonValue]]) -> JsonObject:
    """Put (name, suffix, value) in the place that JSON has for it: `ccc.valence` is `valence` of the object `ccc`."""
    record: JsonObject = {}
    for name, suffix, value in values:
        key, _, dimension = name.partition(".")
        if not dimension:
            record[key + suffix] = value
            continue
        values_of = record.setdefault(key + suffix, {})
        assert isinstance(values_of, dict)
        values_of[dimension] = value
    return record


def _take(record: Any, name: str, suffix: str, parse_value: Callable[[Any], Any]) -> Any:
    """Take a value from the place where `_put` puts it."""
    key, _, dimension = name.partition(".")
    if dimension:
        return parse.parse_field(record, key + suffix, lambda value: parse.parse_field(value, dimension, parse_value))
    return parse.parse_field(record, key + suffix, parse_value)
