"""What stage 0 is asked for, and what it gives."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from speechbrain_ext.corpora import Corpus, get_corpus
from speechbrain_ext.corpora.emotion_words import LabelMap, read_label_map
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.joint import Joint, joint_corpus, joint_root
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.table import corpus_of
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.folds import Folds
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.folders import data_folder, is_utf8

# The file that `speechbrain_ext.testing.mini_corpus` leaves in what it writes.
MINI_MARKER = "mini.json"
MADE_BY = "python -m speechbrain_ext.bin.prepare"


@dataclass(frozen=True)
class CorpusRequest:
    """What a user asks of stage 0, by names.

    Attributes
    ----------
    corpus : str
        A name of the registry; with a CSV, the name of the corpus that it lists.
    root : str
        The corpus's folder, a CSV, or "download"; "" for the folder that the corpus's variable names.
    data : Path
        Holds a folder for each corpus and source.
    source, edition
        As for `PrepareRequest`; "" for an edition that is recognised.
    label_map : Path or None
        A JSON file: what emotions of a CSV mean that the vocabulary does not know.
    protocol, dev, fold_seed
        The folds; the protocol "paper" is the system's own, or the corpus's usual one.
    jobs, check_audio, force, verify
        As for `PrepareRequest`.
    joint : Joint or None
        Prepared corpora that are one corpus here; `corpus` is their name, and `root` is not asked for.
    """

    corpus: str
    root: str = ""
    data: Path = Path("data")
    source: str = "real"
    edition: str = ""
    label_map: Path | None = None
    protocol: str = "paper"
    dev: str = "none"
    fold_seed: int = 0
    jobs: int = 1
    check_audio: bool = True
    force: bool = False
    verify: bool = False
    joint: Joint | None = None

    @property
    def folder(self) -> Path:
        """The folder of this corpus and source; `corpus` is its name as the registry has it, or that of its CSV."""
        return data_folder(self.data.resolve(), self.corpus, self.source)

    def usual_protocol(self, corpus: Corpus) -> str:
        """The protocol asked for, or the corpus's usual one."""
        return corpus.protocols[0] if self.protocol == "paper" else self.protocol


@dataclass(frozen=True)
class PrepareRequest:
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
        return data_folder(self.data, self.corpus.name, self.source)

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


def find_corpus(asked: CorpusRequest) -> tuple[Corpus, LabelMap]:
    """The corpus of the registry, or the corpus that a CSV lists; and what its further emotions mean.

    Raises
    ------
    UserError
        There is no such corpus, or the CSV cannot be read.
    """
    if asked.joint is not None:
        return joint_corpus(asked.joint), {}
    label_map = read_label_map(asked.label_map) if asked.label_map else {}
    if not asked.root.lower().endswith(".csv"):
        if asked.label_map:
            raise UsageError(f"--label-map {asked.label_map}: only a CSV needs it: leave it out")
        return get_corpus(asked.corpus), label_map
    # A link keeps its own name, which run.sh takes too; its files lie where it leads.
    table = corpus_of(Path(os.path.abspath(Path(asked.root).expanduser())), label_map)
    if asked.corpus == table.name:
        return table, label_map
    known = get_corpus(asked.corpus)
    return replace(table, name=known.name, key=known.key, task=known.task, title=known.title), label_map


def find_root(asked: CorpusRequest, corpus: Corpus) -> Path:
    """The folder of a corpus; it is downloaded where that is asked for.

    Raises
    ------
    UserError
        No folder is named, the corpus is not for download, or the name is not in UTF-8.
    """
    if asked.joint is not None:
        return joint_root(asked.joint)
    root = asked.root
    if not root and asked.source == "real" and corpus.root_variable:
        root = os.environ.get(corpus.root_variable, "")
    if not root:
        mini = f"python -m speechbrain_ext.bin.mini --corpus {corpus.key} --out DIR"
        cure = f"write one with: {mini}" if asked.source == "mini" else f"name it, or set {corpus.root_variable}"
        raise UsageError(f"--corpus-root is missing, expected the folder of {corpus.name}: {cure}")
    if root == "download":
        if corpus.download is None or asked.source == "mini":
            raise UsageError(
                f"--corpus-root download: {corpus.name} ({asked.source}) is not for download: name its folder"
            )
        return corpus.download(asked.data.resolve()).resolve()
    path = Path(root).expanduser().resolve()
    if not is_utf8(str(path)):
        raise UserError(f"--corpus-root {ascii(str(path))}: expected a name in UTF-8: rename the folder")
    return path.parent if path.suffix.lower() == ".csv" else path
