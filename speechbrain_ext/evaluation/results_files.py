"""results.json, kept results and summary.json on disk: sealed, with the hashes of the files beside them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.evaluation.results import MAKE_RESULTS, SCHEMA
from speechbrain_ext.evaluation.results_checks import fault_of_results
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, check_sha256, read_checked, read_sealed, sha256_file, write_sealed
from speechbrain_ext.utils.regular_file import read_regular


def write_results(path: str | Path, results: dict[str, Any], files: Sequence[str] = ()) -> None:
    """Write results.json, sealed, with the SHA-256 of the predictions that it was made from.

    Arguments
    ---------
    path : str or Path
        The file; its predictions are there already, see `predictions_path`.
    results : dict
        As `make_results` gives it.
    files : sequence of str
        Names of further files of its folder that later stages read; their hashes are recorded.
    """
    path = Path(path)
    hashes = {"sha256": sha256_file(predictions_path(path))}
    if files:
        hashes["files"] = {name: sha256_file(path.parent / name) for name in files}
    write_sealed(path, {"schema": results["schema"], **hashes, **results})


def predictions_path(path: str | Path) -> Path:
    """The predictions of a results file: predictions.csv, or of a kept result the CSV of the same name.

    Example
    -------
    >>> predictions_path("seed-1/results.json").as_posix(), predictions_path("amsnet.seed1.json").as_posix()
    ('seed-1/predictions.csv', 'amsnet.seed1.csv')
    """
    path = Path(path)
    return path.with_name("predictions.csv") if path.name == "results.json" else path.with_suffix(".csv")


def read_results(path: str | Path) -> dict[str, Any]:
    """Read results.json, a kept result or summary.json, and check it and its predictions against their hashes.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    results : dict
        As it was written, without the seal.

    Raises
    ------
    DamagedFile
        The file or its predictions are not what was written.
    UserError
        The file is missing or of another schema.
    """
    try:
        results = read_sealed(path, MAKE_RESULTS)
    except DamagedFile:
        _refuse_other_schema(path, _schema(path))
        raise
    _refuse_other_schema(path, results.get("schema"))
    if fault := fault_of_results(results):
        raise DamagedFile(f"{path}: damaged or edited: {fault}: make it again with: {MAKE_RESULTS} --force")
    if not isinstance(results.get("sha256", ""), str) or ("sha256" not in results and "seeds" not in results):
        raise DamagedFile(f"{path}: damaged, no SHA-256 of its predictions: make it again with: {MAKE_RESULTS}")
    if "sha256" in results:
        check_sha256(predictions_path(path), results["sha256"], MAKE_RESULTS)
    return results


def _refuse_other_schema(path: str | Path, schema: Any) -> None:
    if schema != SCHEMA:
        raise UserError(f"{path}: expected schema {SCHEMA}, found {schema}: make it again with: {MAKE_RESULTS} --force")


def _schema(path: str | Path) -> Any:
    """The schema that a file names which cannot be read as a sealed one; the current one where it names none."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(read_regular(path))
        return found.get("schema", SCHEMA) if isinstance(found, dict) else SCHEMA
    return SCHEMA


def read_listed(results: dict[str, Any], path: Path) -> bytes | None:
    """Read a file that results.json lists; None where it is missing, not listed or damaged, which is a warning.

    Arguments
    ---------
    results : dict
        The content of results.json.
    path : Path
        A file of its folder.
    """
    sha256 = results.get("files", {}).get(path.name)
    if not isinstance(sha256, str) or not path.exists():
        return None
    try:
        return read_checked(path, sha256, MAKE_RESULTS)
    except DamagedFile as fault:
        print(f"warning: {fault}", flush=True)
        return None
