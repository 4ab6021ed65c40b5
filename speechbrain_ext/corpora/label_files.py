"""What label files of several corpora share: their text, damage in a line, and blocks that stand twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from speechbrain_ext.corpora.manifest import Fault

END_OF_LINE = re.compile(r"\r\n|\r|\n")

Attributes = list[float | None]


class Damage(Exception):
    """What was found in a line, and what was expected."""


class LabelBlock(Protocol):
    """The lines of a label file about one utterance; `line` is where they start."""

    line: int

    @property
    def id(self) -> str:
        """The utterance's name."""

    def facts(self) -> tuple[object, ...]:
        """Everything but the place, to compare two blocks of one name."""


B = TypeVar("B", bound=LabelBlock)


def decode(content: bytes) -> str:
    """Give the text of a label file: UTF-8 with or without a mark, or Latin-1 for old free comments.

    Example
    -------
    >>> decode(b"\\xef\\xbb\\xbf% x") == decode(b"% x")
    True
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def none_if_empty(values: Attributes) -> Attributes | None:
    """Give mean or rated attributes, or None where none of them is known."""
    return None if values == [None] * len(values) else values


def unique_blocks(found: Iterable[B], file: str, what: str, faults: list[Fault]) -> tuple[dict[str, B], list[str]]:
    """Give the blocks of a file by name; of two that differ neither is right.

    Arguments
    ---------
    found : iterable of blocks
        In the order of the file.
    file, what : str
        How to name the file and what a block is about in a fault.
    faults : list of Fault
        Filled with blocks of one name that differ.

    Returns
    -------
    blocks : dict
        By name.
    repeated : list of str
        Names of blocks that stand there again, the same.
    """
    blocks: dict[str, B] = {}
    repeated, differing = [], set()
    for block in found:
        first = blocks.setdefault(block.id, block)
        if first is block:
            continue
        if first.facts() == block.facts():
            repeated.append(block.id)
        else:
            where = f"{file} line {block.line}"
            faults.append(Fault(where, f"{block.id} unlike in line {first.line}", f"one block for each {what}"))
            differing.add(block.id)
    return {name: block for name, block in blocks.items() if name not in differing}, repeated


def odd_notes(kinds: Mapping[str, Sequence[str]]) -> list[str]:
    """Note what is odd and no fault, each kind in one line with its number and its first case.

    Example
    -------
    >>> odd_notes({"turns have no rater": ["a", "b"], "wav files have no label": []})
    ['2 turns have no rater: first a']
    """
    return [
        f"{len(found)} {what}: first {found[0] if found[0].isprintable() else ascii(found[0])}"
        for what, found in kinds.items()
        if found
    ]
