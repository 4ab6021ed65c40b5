"""The record of a finished training, `done-<phase>.json`: read, checked against the files that it names, written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora.utterance_fields import is_number
from speechbrain_ext.utils.files import DamagedFile, check_files, read_sealed, sha256_file, write_sealed

TRAIN = "./run.sh --stage 2 --stop-stage 2"
# What scores are shown with; every training has them.
NUMBERS = ("epochs", "optimizer_steps", "train_seconds", "parameters", "peak_memory_mib")


def done_path(folder: str | Path, phase: str) -> Path:
    """The record's file in the folder of a phase; it is written last."""
    return Path(folder) / f"done-{phase}.json"


def read_done(folder: str | Path, phase: str) -> dict[str, Any] | None:
    """Read the record of a finished training; None where training is not finished.

    Raises
    ------
    DamagedFile
        The record is not what was written.
    """
    path = done_path(folder, phase)
    if not path.exists():
        return None
    record = read_sealed(path, TRAIN)
    if missing := [name for name in NUMBERS if not is_number(record.get(name))]:
        raise DamagedFile(f"{path}: damaged, expected numbers of {', '.join(missing)}: train again: {TRAIN}")
    return record


def check_done(folder: str | Path, phase: str) -> bool:
    """Whether training is finished, with every file that later stages read as it was written.

    Raises
    ------
    DamagedFile
        The record, or a file that it names, is not what was written.
    """
    record = read_done(folder, phase)
    if record is None:
        return False
    files = record.get("files")
    if not isinstance(files, dict) or not files:
        raise DamagedFile(f"{done_path(folder, phase)}: expected hashes of files, found none: train again: {TRAIN}")
    check_files(done_path(folder, phase), files, TRAIN)
    return True


def is_finished(folder: str | Path, phase: str) -> bool:
    """Whether training is finished and undamaged, without a message."""
    try:
        return check_done(folder, phase)
    except DamagedFile:
        return False


def write_done(folder: str | Path, phase: str, files: Sequence[str], facts: dict[str, Any]) -> None:
    """Record a finished training.

    Arguments
    ---------
    folder : str or Path
        The phase's folder.
    phase : str
        The phase's name.
    files : sequence of str
        Paths in the folder of all that later stages read; their SHA-256 is recorded.
    facts : dict
        What else is recorded.
    """
    hashes = {name: sha256_file(Path(folder) / name) for name in files}
    write_sealed(done_path(folder, phase), {"phase": phase, "files": hashes, **facts})
