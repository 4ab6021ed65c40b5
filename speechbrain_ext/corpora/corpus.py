"""What the toolkit knows of a corpus beside its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from speechbrain_ext.manifest import Utterance


@dataclass(frozen=True)
class Expected:
    """A corpus's own published counts: utterances, hours, and utterances by label and by speaker."""

    utterances: int
    hours: float
    labels: Mapping[str, int] = field(default_factory=dict)
    speakers: Mapping[str, int] = field(default_factory=dict)


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
        `scan(root) -> list[Utterance]`, from names and label files alone.
    classes : tuple of str
        Emotions to classify, in the order of the vocabulary.
    protocols : tuple of str
        Protocols of `speechbrain_ext.folds` that the corpus allows, the usual one first.
    expected : Expected
        The published counts.
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
    """

    name: str
    key: str
    scan: Callable[[Path], list[Utterance]]
    classes: tuple[str, ...]
    protocols: tuple[str, ...]
    expected: Expected
    root_variable: str
    title: str
    licence: str
    citation: str
    layout: str
    download: Callable[[Path], Path] | None = None
