"""Records of finished trainings: of a phase (`done-<phase>.json`, checked against its files), and of a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.files import DamagedFile, check_files, read_sealed, sha256_file, write_sealed
from speechbrain_ext.utils.json_fields import is_number, optional, required

TRAIN = "./run.sh --stage 2 --stop-stage 2"


@dataclass(frozen=True)
class FinishedPhase:
    """Record of a finished training of a phase.

    Attributes
    ----------
    phase : str
    checkpoint : str
        Name of the checkpoint's folder, or of the model's file.
    epochs, selected_epoch : int
        Epochs that were trained, and the one that was chosen.
    optimizer_steps : int
    parameters, parameters_total : int
        Trained parameters, and all of them.
    train_seconds : float
    peak_memory_mib : int
    dev_scores, last_dev_scores : dict
        Scores of the chosen epoch and of the last one on the development set, where there is one.
    warnings : tuple of str
        Notes for the results.
    files : dict
        SHA-256 of each file that later stages read, by its path in the phase's folder.
    """

    phase: str
    checkpoint: str
    epochs: int
    selected_epoch: int
    optimizer_steps: int
    parameters: int
    parameters_total: int
    train_seconds: float
    peak_memory_mib: int
    dev_scores: dict[str, float] = field(default_factory=dict)
    last_dev_scores: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PhaseFacts:
    """How a phase of a fold was trained."""

    epochs: int = required(parse.count)
    selected_epoch: int | None = optional(parse.or_none(parse.count))
    optimizer_steps: int = required(parse.count)
    train_seconds: float = required(parse.number)
    checkpoint: str | None = optional(parse.or_none(parse.text))


@dataclass(frozen=True, kw_only=True)
class FoldFacts:
    """How a fold was trained.

    `epochs` are those of the first phase, which the papers count; `dev_wa`, `dev_uar` and `dev_ccc` are scores of the
    chosen epoch on the development part. `optimism` is by how much selection on the test fold raised its scores: the
    scores of the chosen epoch less those of the last one.
    """

    name: str = required(parse.text)
    n_train: int = required(parse.count)
    n_dev: int = required(parse.count)
    n_test: int = required(parse.count)
    epochs: int = required(parse.count)
    train_seconds: float = required(parse.number)
    optimizer_steps: int | None = optional(parse.count)
    phases: Mapping[str, PhaseFacts] | None = optional(parse.mapping_of(parse.record_of(PhaseFacts)))
    parameters: int | None = optional(parse.count)
    parameters_total: int | None = optional(parse.count)
    peak_memory_mib: float | None = optional(parse.or_none(parse.number))
    optimism: Mapping[str, float] | None = optional(parse.mapping_of(parse.number))
    dev_wa: float | None = optional(parse.number)
    dev_uar: float | None = optional(parse.number)
    dev_ccc: float | None = optional(parse.number)
    warnings: tuple[str, ...] | None = optional(parse.texts)


NUMBERS = tuple(each.name for each in fields(FinishedPhase) if each.type in ("int", "float"))


def done_path(folder: str | Path, phase: str) -> Path:
    """The record's file in the folder of a phase; it is written last."""
    return Path(folder) / f"done-{phase}.json"


def read_done(folder: str | Path, phase: str) -> FinishedPhase | None:
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
    try:
        known = {each.name: record[each.name] for each in fields(FinishedPhase)}
    except KeyError as fault:
        raise DamagedFile(f"{path}: damaged, expected {fault}: train again: {TRAIN}") from None
    if not isinstance(known["files"], dict) or not known["files"]:
        raise DamagedFile(f"{path}: expected hashes of files, found none: train again: {TRAIN}")
    return FinishedPhase(**{**known, "warnings": tuple(known["warnings"])})


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
    check_files(done_path(folder, phase), record.files, TRAIN)
    return True


def is_finished(folder: str | Path, phase: str) -> bool:
    """Whether training is finished and undamaged, without a message."""
    try:
        return check_done(folder, phase)
    except DamagedFile:
        return False


def write_done(folder: str | Path, finished: FinishedPhase, files: Sequence[str]) -> None:
    """Record a finished training.

    Arguments
    ---------
    folder : str or Path
        The phase's folder.
    finished : FinishedPhase
        Without hashes.
    files : sequence of str
        Paths in the folder of all that later stages read; their SHA-256 is recorded.
    """
    hashes = {name: sha256_file(Path(folder) / name) for name in files}
    write_sealed(done_path(folder, finished.phase), asdict(replace(finished, files=hashes)))
