"""What stage 0 is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from speechbrain_ext.corpora import Corpus
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.folds import Folds
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.folders import folder_name

# the file that speechbrain_ext.bin.mini leaves in what it writes
MINI_MARKER = "mini.json"
MADE_BY = "python -m speechbrain_ext.bin.prepare"


@dataclass(frozen=True)
class Request:
    """What stage 0 is asked for.

    Arguments
    ---------
    corpus : Corpus
        One of the registry.
    root : Path
        The corpus's folder.
    data : Path
        Holds a folder for each corpus and source.
    source : str
        "real" or "mini".
    edition : str or None
        The user's words for a copy that is not as published.
    splits : tuple of (str, Task)
        A protocol and what is recognised, for each file of folds.
    dev, fold_seed
        As for `speechbrain_ext.preparation.protocols.make_folds`.
    jobs : int
        Threads that read audio.
    check_audio : bool
        False leaves the audio unread.
    force : bool
        Redo what was made from other inputs.
    verify : bool
        Hash all audio, also files of the recorded size and time.
    label_map : dict
        What words outside the vocabulary mean, for the record.
    """

    corpus: Corpus
    root: Path
    data: Path
    source: str = "real"
    edition: str | None = None
    splits: tuple[tuple[str, Task], ...] = ()
    dev: str = "none"
    fold_seed: int = 0
    jobs: int = 1
    check_audio: bool = True
    force: bool = False
    verify: bool = False
    label_map: dict[str, str | None] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of this corpus and source."""
        return self.data / f"{folder_name(self.corpus.name)}-{self.source}"

    def refuse(self, why: str) -> NoReturn:
        """Refuse a folder that was made from other inputs."""
        raise UserError(
            f"{self.folder} was made from other inputs: {why}: redo it with --force, or choose another --data"
        )


@dataclass(frozen=True)
class Split:
    """A file of folds, whether it was written now, and warnings about its classes."""

    file: Path
    folds: Folds
    written: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """What stage 0 made or found complete.

    Arguments
    ---------
    facts : CorpusFacts
        The content of manifest.json.
    utterances : list of Utterance
        The manifest.
    splits : tuple of Split
        The folds.
    wrote : tuple of str
        Names of the files that were written now.
    remarks : tuple of str
        What was damaged, and what audio is not there any more.
    folder : Path
        `data/<CORPUS>-<source>`.
    """

    facts: CorpusFacts
    utterances: list[Utterance]
    splits: tuple[Split, ...]
    wrote: tuple[str, ...]
    remarks: tuple[str, ...]
    folder: Path
