"""The folds of a protocol as records, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_sealed, sha256_json
from speechbrain_ext.utils.json_values import JsonObject

PARTS = ("train", "dev", "test")
KINDS = {"protocol": str, "corpus": str, "fold_seed": int, "dev": str, "classes": list, "folds": list, "audit": dict}

# What training and test may share in each protocol.
DECLARED: dict[str, frozenset[str]] = {
    "random5": frozenset({"speaker", "session", "text"}),
    # Two speakers share a session where a corpus has dialogues.
    "speaker": frozenset({"session", "text"}),
    "speaker5": frozenset({"session", "text"}),
    "session": frozenset({"text"}),
    "speaker-text": frozenset({"session"}),
    # What the folds of another tool share is reported, not refused.
    "given": frozenset({"speaker", "session", "text"}),
    # Nothing is tested.
    ALL_DATA: frozenset(),
}

Overlap = Mapping[str, tuple[str, ...]] | None  # by fold, values in training and test; None where they are unknown


@dataclass(frozen=True)
class Fold:
    """One split of a corpus: ids of utterances, in the order of the protocol.

    Arguments
    ---------
    name : str
        Unique among the folds of a protocol.
    train, dev, test : tuple of str
        The training, development and test utterances.
    """

    name: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The utterances of all three parts."""
        return self.train + self.dev + self.test

    def part(self, name: str) -> tuple[str, ...]:
        """The utterances of "train", "dev" or "test"."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]

    @classmethod
    def from_json(cls, content: Any) -> Fold:
        """Check and read a fold; ValueError says what was found instead."""
        if not isinstance(content, dict) or not all(_are_texts(content.get(part)) for part in PARTS):
            raise ValueError("a fold without lists of ids")
        name = content.get("name")
        if not isinstance(name, str) or not name:
            raise ValueError("a fold without a name")
        if not content["train"] or not (content["test"] or name == ALL_DATA):
            raise ValueError(f"fold {name} without an utterance to train or to test on")
        return cls(name, *(tuple(content[part]) for part in PARTS))


@dataclass(frozen=True)
class Audit:
    """What training and development parts share with test parts.

    Arguments
    ---------
    speaker_overlap, session_overlap, text_overlap : mapping or None
        By fold the values on both sides, sorted. A fold without an overlap is not named: {} means none. None means
        unknown: no overlap was found, and some utterances have no session or text.
    duplicate_audio : mapping or None
        By fold pairs of a training and a test utterance with the same audio; None where some audio is not hashed.
    text_missing : (int, int) or None
        How many of how many utterances have no text; None where all have one.
    """

    speaker_overlap: Overlap
    session_overlap: Overlap
    text_overlap: Overlap
    duplicate_audio: Mapping[str, tuple[tuple[str, str], ...]] | None
    text_missing: tuple[int, int] | None = None

    def overlap(self, kind: str) -> Overlap:
        """The overlap of "speaker", "session" or "text"."""
        return {"speaker": self.speaker_overlap, "session": self.session_overlap, "text": self.text_overlap}[kind]

    @classmethod
    def from_json(cls, content: Any) -> Audit:
        """Read an audit, whose values `check_folds` compares with the folds; ValueError where its keys are others."""
        try:
            return cls(**_with_tuples(content))
        except TypeError:
            raise ValueError("an audit with other keys") from None


@dataclass(frozen=True)
class Folds:
    """All folds of a protocol, with what they were made from and their audit.

    Arguments
    ---------
    protocol, dev : str
        How utterances were split, and how development parts were chosen.
    corpus : str
        Its name.
    fold_seed : int
        The seed of the split.
    classes : tuple of str
        The classes of the utterances, in the order of their indices.
    folds : tuple of Fold
    audit : Audit
    """

    protocol: str
    corpus: str
    fold_seed: int
    dev: str
    classes: tuple[str, ...]
    folds: tuple[Fold, ...]
    audit: Audit

    @property
    def sha256(self) -> str:
        """Hash of who is trained, developed and tested on."""
        return sha256_json([asdict(fold) for fold in self.folds])

    @property
    def names(self) -> list[str]:
        """Names of the folds, in order."""
        return [fold.name for fold in self.folds]

    @classmethod
    def from_json(cls, content: Any) -> Folds:
        """Check and read the content of a file of folds; ValueError says what was found instead."""
        if wrong := [name for name, kind in KINDS.items() if type(content.get(name)) is not kind]:
            raise ValueError(f"{', '.join(wrong)} of another kind or missing")
        if not _are_texts(content["classes"]):
            raise ValueError("classes that are no names")
        if content["protocol"] not in DECLARED:
            raise ValueError(f"the protocol {content['protocol'][:80]!r}")
        folds = tuple(map(Fold.from_json, content["folds"]))
        if not folds or len({fold.name for fold in folds}) < len(folds):
            raise ValueError("two folds of one name" if folds else "no fold")
        audit = Audit.from_json(content["audit"])
        texts = {name: content[name] for name in ("protocol", "corpus", "fold_seed", "dev")}
        return cls(**texts, classes=tuple(content["classes"]), folds=folds, audit=audit)

    def to_json(self) -> JsonObject:
        """The content of the file."""
        content = asdict(self)
        if self.audit.text_missing is None:
            del content["audit"]["text_missing"]
        return content


def folds_path(data_dir: str | Path, protocol: str, dev: str = "none", fold_seed: int = 0, task_name: str = "") -> Path:
    """Name the file of a protocol's folds.

    Arguments
    ---------
    data_dir : str or Path
        The folder of one corpus, `data/<CORPUS>-<source>`.
    protocol, dev, fold_seed
        As for `speechbrain_ext.preparation.protocols.make_folds`.
    task_name : str
        What `Task.name` gives; "" is the corpus's usual task.

    Example
    -------
    >>> folds_path("data/EmoDB-mini", "speaker", dev="fraction", fold_seed=2).as_posix()
    'data/EmoDB-mini/folds/speaker.dev-fraction.fold-seed-2.json'
    """
    name = protocol + (f".dev-{dev}" if dev != "none" else "") + (f".fold-seed-{fold_seed}" if fold_seed else "")
    name += f".{task_name}" if task_name else ""
    return Path(data_dir) / "folds" / f"{name}.json"


def read_folds(path: str | Path, made_by: str) -> Folds:
    """Read a file of folds that stage 0 wrote.

    Arguments
    ---------
    path : str or Path
        The file.
    made_by : str
        The command that makes it, for the error message.

    Raises
    ------
    DamagedFile
        The file is not what stage 0 wrote.
    UserError
        The file is missing, or its content is not folds.
    """
    content = read_sealed(path, made_by)
    try:
        return Folds.from_json(content)
    except ValueError as fault:
        raise not_as_made(path, str(fault), made_by) from None


def not_as_made(path: str | Path, found: str, made_by: str) -> UserError:
    """The error for a file of folds that is not as stage 0 makes it."""
    return UserError(f"{path}: expected folds as stage 0 makes them, found {found}: make it again with: {made_by}")


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _with_tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value
