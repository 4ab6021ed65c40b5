"""Published facts of a corpus, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.stated_facts import StatedFacts
from speechbrain_ext.corpora.task import Task


@dataclass(frozen=True)
class Subset:
    """A part of a corpus that papers use, with its published counts.

    Arguments
    ---------
    name : str
        In words.
    task : Task
        Which utterances, with which labels.
    utterances : int
        How many.
    labels, speakers, sessions : mapping
        Utterances by label, speaker, session; empty where nothing is published.
    """

    name: str
    task: Task
    utterances: int
    labels: Mapping[str, int] = field(default_factory=dict)
    speakers: Mapping[str, int] = field(default_factory=dict)
    sessions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """A corpus's own published counts, also by label, speaker and part; and the subsets that papers use.

    `audio_sha256` is `preparation.edition.hash_audio` of the corpus as its owners publish it, where it is known;
    `known_copies` has that hash of copies in another form, by the name of their edition.
    """

    utterances: int | None
    hours: float | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    speakers: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    subsets: tuple[Subset, ...] = ()
    audio_sha256: str | None = None
    known_copies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Spoken:
    """Speaker, session and text of an utterance."""

    speaker: str
    gender: str | None
    session: str | None
    text_id: str | None


@dataclass(frozen=True)
class Corpus:
    """One corpus: how to read it, and its published facts.

    Arguments
    ---------
    name : str
        As in papers, and in paths.
    key : str
        The name in small letters and digits.
    scan : callable
        `scan(root, notes) -> list[Utterance]`, from names and label files alone; `notes`, a list or None, is
        filled with what is odd and no fault.
    task : Task
        What is usually recognised: classes in the order of the vocabulary, and whether excited is happiness.
    protocols : tuple of str
        Protocols of `speechbrain_ext.preparation.protocols` that the corpus allows, the usual one first.
    expected : Expected or None
        The published counts; None for a corpus that was not published.
    root_variable : str
        Environment variable that may name the folder.
    title : str
        The name in full.
    licence : str
        What its owners allow.
    citation : str
        BibTeX.
    layout : str
        The folder's layout in one line, for messages.
    download : callable or None
        `download(data) -> root`, where the owners offer the corpus freely.
    spoken_of : callable or None
        `spoken_of(id) -> Spoken | None`, where an utterance's id says who speaks; None for an id that is not the
        corpus's.
    labels_apart : bool
        Labels stand in files of their own, so that one may be there without its wav.
    texts_repeat : mapping
        By field of the manifest ("scenario" or "part") the values for which speakers repeat the same texts; empty:
        all of them. `speaker-text` uses these utterances alone.
    language, speaking, emotions : str
        What is spoken; "scripted", "spontaneous" or both; "acted" or "natural": what a score across corpora is read
        with. "" where it is not stated.
    dimension_scale : (float, float) or None
        Lowest and highest value that an annotator can give valence, activation and dominance; None where there are no
        such values, or their scale is not stated.
    """

    name: str
    key: str
    scan: Callable[[Path, list[str] | None], list[Utterance]]
    task: Task
    protocols: tuple[str, ...]
    expected: Expected | None
    root_variable: str
    title: str
    licence: str
    citation: str
    layout: str
    download: Callable[[Path], Path] | None = None
    spoken_of: Callable[[str], Spoken | None] | None = None
    labels_apart: bool = False
    texts_repeat: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    language: str = ""
    speaking: str = ""
    emotions: str = ""
    dimension_scale: tuple[float, float] | None = None

    @property
    def stated(self) -> StatedFacts:
        """What is stated of the corpus."""
        return StatedFacts(self.language, self.speaking, self.emotions, self.dimension_scale)

    @property
    def classes(self) -> tuple[str, ...]:
        """Emotions that are usually recognised."""
        return self.task.classes
