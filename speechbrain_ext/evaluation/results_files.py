"""results.json, kept results and summary.json on disk: sealed, with the hashes of the files of stage 3."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from speechbrain_ext.evaluation import results_json
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.records import SCHEMA, Results, Summary
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, check_sha256, read_sealed, sha256_file, write_sealed
from speechbrain_ext.utils.json_fields import UnexpectedField
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.regular_file import read_regular

T = TypeVar("T")
MAKE_RESULTS = "./run.sh --stage 2 --stop-stage 3"
MAKE_SCORES = "./run.sh --stage 3 --stop-stage 3"


def write_results(path: str | Path, results: Results, files: Sequence[str] = ()) -> None:
    """Write results.json, sealed, with the SHA-256 of the predictions that it was made from.

    Arguments
    ---------
    path : str or Path
        The file; its predictions are there already, see `predictions_path`.
    results : Results
    files : sequence of str
        Names of further files of its folder that later stages read; their hashes are recorded.
    """
    path = Path(path)
    hashes = {name: sha256_file(path.parent / name) for name in files} or None
    results = replace(results, sha256=sha256_file(predictions_path(path)), files=hashes)
    write_sealed(path, results_json.results_to_json(results))


def write_summary(path: str | Path, summary: Summary) -> None:
    """Write summary.json, sealed."""
    write_sealed(path, results_json.summary_to_json(summary))


def predictions_path(path: str | Path) -> Path:
    """The predictions of a results file: predictions.csv, or of a kept result the CSV of the same name.

    Example
    -------
    >>> predictions_path("seed-1/results.json").as_posix(), predictions_path("amsnet.seed1.json").as_posix()
    ('seed-1/predictions.csv', 'amsnet.seed1.csv')
    """
    path = Path(path)
    return path.with_name("predictions.csv") if path.name == "results.json" else path.with_suffix(".csv")


def read_results(path: str | Path) -> Results:
    """Read results.json or a kept result, and check it and its predictions against their hashes.

    Arguments
    ---------
    path : str or Path
        The file.

    Raises
    ------
    DamagedFile
        The file or its predictions are not what was written.
    UserError
        The file is missing or of another schema.
    """
    results = _read(path, results_json.results_from_json)
    if results.sha256 is None:
        raise DamagedFile(f"{path}: damaged, no SHA-256 of its predictions: make it again with: {MAKE_RESULTS}")
    check_sha256(predictions_path(path), results.sha256, MAKE_RESULTS)
    return results


def read_summary(path: str | Path) -> Summary:
    """Read summary.json; errors are those of `read_results`."""
    return _read(path, results_json.summary_from_json)


def check_scores(path: str | Path, results: Results) -> None:
    """Refuse a result whose scores are not those of its predictions.

    Arguments
    ---------
    path : str or Path
        results.json or a kept result; its predictions are read.
    results : Results
        Its content.

    Raises
    ------
    DamagedFile
        A score or an interval differs, or the predictions do not cover the folds; the first one is named.
    UserError
        The predictions cannot be read.
    """
    again = scored_again(path, results)
    if again.pooled != results.pooled:
        raise DamagedFile(
            f"{path}: expected the intervals that this version computes, found others, such as those of an earlier "
            f"version: {_first_interval(results, again)}: {_score_again(Path(path))}"
        )


def scored_again(path: str | Path, results: Results) -> Results:
    """Score the predictions of a result again; only intervals, which another version computed, may differ.

    Arguments
    ---------
    path : str or Path
        results.json or a kept result; its predictions are read.
    results : Results
        Its content.

    Raises
    ------
    DamagedFile
        A score differs, or the predictions do not cover the folds; the first one is named.
    UserError
        The predictions cannot be read.
    """
    predictions = predictions_path(path)
    rows, target = read_predictions(predictions)
    try:
        if target != results.target:
            raise ValueError(f"expected {', '.join(results.target.names)}, found {', '.join(target.names)}")
        again = make_results(rows, results, results.folds)
        _check_same("pooled ", _without_intervals(results), _without_intervals(again))
        _check_same("mean ", results_json.mean_to_json(results), results_json.mean_to_json(again))
        for fold, known in zip(again.folds, results.folds, strict=True):
            _check_same(f"fold {fold.name} ", results_json.fold_to_json(known), results_json.fold_to_json(fold))
    except ValueError as fault:
        raise DamagedFile(
            f"{path}: expected the scores of {predictions.name}, found others: {fault}: "
            f"make both again with: {MAKE_RESULTS}"
        ) from None
    return again


def _score_again(path: Path) -> str:
    if path.name == "results.json":
        return f"score it again with: {MAKE_SCORES}"
    return f"compute them again with: python -m speechbrain_ext.bin.report recompute {path.parents[2]}"


def _without_intervals(results: Results) -> JsonObject:
    pooled = results_json.pooled_to_json(results)
    return {key: value for key, value in pooled.items() if not key.endswith("_ci95")}


def _first_interval(results: Results, again: Results) -> str:
    written, computed = results_json.pooled_to_json(results), results_json.pooled_to_json(again)
    key = next(key for key, value in computed.items() if written.get(key) != value)
    return f"pooled {key} is {written.get(key)}, computed again {computed[key]}"


def _check_same(where: str, written: JsonObject, computed: JsonObject) -> None:
    for key, value in computed.items():
        if written.get(key) != value:
            raise ValueError(f"{where}{key} is {written.get(key)}, computed again {value}")


def _read(path: str | Path, from_json: Callable[[JsonObject], T]) -> T:
    try:
        record = read_sealed(path, MAKE_RESULTS)
    except DamagedFile:
        _refuse_other_schema(path, _schema(path))
        raise
    _refuse_other_schema(path, record.get("schema"))
    try:
        return from_json(record)
    except UnexpectedField as fault:
        raise DamagedFile(f"{path}: damaged or edited: {fault}: make it again with: {MAKE_RESULTS} --force") from None


def _refuse_other_schema(path: str | Path, schema: Any) -> None:
    if schema != SCHEMA:
        raise UserError(f"{path}: expected schema {SCHEMA}, found {schema}: make it again with: {MAKE_RESULTS} --force")


def _schema(path: str | Path) -> Any:
    """The schema that a file names which cannot be read as a sealed one; the current one where it names none."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(read_regular(path))
        return found.get("schema", SCHEMA) if isinstance(found, dict) else SCHEMA
    return SCHEMA
