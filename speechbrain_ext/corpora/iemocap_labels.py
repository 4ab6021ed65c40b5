"""IEMOCAP's label files: a block for each utterance, its consensus, and what each evaluator said.

A block is a line of times, name, consensus and mean attributes, then lines of categories (`C-E2`) and of attributes
(`A-E2`) in any order. `E` is an evaluator, `F` and `M` are the actors, who judge themselves: that is not a vote.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from speechbrain_ext.corpora.label_files import END_OF_LINE, Attributes, Damage, none_if_empty
from speechbrain_ext.corpora.manifest import Fault, Vote
from speechbrain_ext.utils.json_values import JsonObject

EMOTION_OF_CODE = {
    "neu": "neutral",
    "hap": "happiness",
    "exc": "excited",
    "sad": "sadness",
    "ang": "anger",
    "fru": "frustration",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "oth": "other",
    "xxx": None,  # the evaluators do not agree
}
EMOTION_OF_WORD = {
    "neutral": "neutral",
    "neutral state": "neutral",
    **{word: word for word in ("happiness", "excited", "sadness", "anger", "frustration")},
    **{word: word for word in ("surprise", "fear", "disgust", "other")},
}
ATTRIBUTES = ("val", "act", "dom")
HEAD = re.compile(r"\[(?P<times>[^\[\]]*)\]\s+(?P<id>\S+)\s+(?P<code>\S+)\s+\[(?P<vad>[^\[\]]*)\]")
RATING = re.compile(r"(?P<kind>[CA])-(?P<rater>[EFM][0-9]{1,4})\s*:(?P<said>.*)")
TURN = re.compile(r"[FM][0-9A-Z]+")
NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?")


@dataclass
class Block:
    """One utterance of a label file; `line` is where it starts."""

    line: int
    id: str = ""
    start_s: float = 0.0
    end_s: float = 0.0
    code: str = "xxx"
    vad: Attributes | None = None
    labels: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, Attributes | None] = field(default_factory=dict)
    broken: bool = False

    @property
    def turn(self) -> str:
        """The name's last field, whose letter is the speaker's."""
        return self.id.rpartition("_")[2]

    @property
    def votes(self) -> list[Vote]:
        """One vote for each evaluator, sorted by number."""
        raters = [rater for rater in self._raters() if rater.startswith("E")]
        return [Vote(rater, self.labels.get(rater, []), vad=self.attributes.get(rater)) for rater in raters]

    @property
    def own(self) -> JsonObject:
        """What the actors said of themselves."""
        actors = [rater for rater in self._raters() if not rater.startswith("E")]
        return {name: {"labels": self.labels.get(name, []), "vad": self.attributes.get(name)} for name in actors}

    def facts(self) -> tuple[object, ...]:
        """Everything but the place, to compare two blocks of one name."""
        return self.start_s, self.end_s, self.code, self.vad, self.votes, self.own

    def numbers(self) -> list[float]:
        """All values of attributes in the block."""
        return [
            value for values in (self.vad, *self.attributes.values()) for value in values or () if value is not None
        ]

    def _raters(self) -> list[str]:
        return sorted(self.labels.keys() | self.attributes.keys(), key=lambda rater: (int(rater[1:]), rater))


def parse_labels(text: str, dialog: str, file: str) -> tuple[list[Block], list[Fault]]:
    """Read the blocks of a label file.

    Arguments
    ---------
    text : str
        The file's text, whatever its line ends.
    dialog : str
        The dialog that the file is named after.
    file : str
        How to name the file in a fault.

    Returns
    -------
    blocks : list of Block
        The undamaged ones, in the order of the file.
    faults : list of Fault
        Each names the file and the line.

    Example
    -------
    >>> text = "[6.29 - 8.23]\\tSes01F_impro01_M000\\tneu\\t[2.5, 3, 2]\\nC-E2:\\tNeutral; Anger;\\t(calm)"
    >>> blocks, faults = parse_labels(text, "Ses01F_impro01", "Ses01F_impro01.txt")
    >>> blocks[0].votes
    [Vote(rater='E2', labels=['neutral', 'anger'], secondary=[], vad=None)]
    """
    blocks: list[Block] = []
    faults: list[Fault] = []
    block, comment_open, apart = None, False, True
    for number, line in enumerate(END_OF_LINE.split(text), start=1):
        line = line.strip()
        rating = RATING.fullmatch(line)
        if not line or line.startswith("%"):
            comment_open, apart = False, True
            continue
        if comment_open and rating is None and not line.startswith("["):
            comment_open = not line.endswith(")")  # the rest of a comment of several lines
            continue
        try:
            if line.startswith("["):
                block, comment_open = Block(number, broken=True), False  # broken until its line is understood
                _read_head(line, dialog, block)
                blocks.append(block)
            elif rating is not None:
                comment_open = not line.endswith(")") and line.count("(") > line.count(")")
                _read_rating(rating, block)
            else:
                raise Damage(f"the line {line[:60]!r}", "[start - end] of an utterance, or C- or A- of an evaluator")
        except Damage as damage:
            faults.append(Fault(f"{file} line {number}", *damage.args))
            if block is not None and not (rating is None and apart):
                block.broken = True
            if block is None or rating is None:
                block = Block(number, broken=True)  # what follows has lost its utterance: it is checked and left out
        apart = False
    return [block for block in blocks if not block.broken], faults


def _read_head(line: str, dialog: str, block: Block) -> None:
    match = HEAD.fullmatch(line)
    if match is None:
        raise Damage(f"the line {line[:60]!r}", "[start - end], name, emotion, [valence, activation, dominance]")
    of_dialog, _, turn = match["id"].rpartition("_")
    if of_dialog != dialog or not TURN.fullmatch(turn):
        raise Damage(f"the utterance {match['id'][:60]!r}", f"{dialog}_ and F or M with a number")
    if match["code"] not in EMOTION_OF_CODE:
        raise Damage(f"the emotion {match['code'][:60]!r}", "one of " + " ".join(EMOTION_OF_CODE))
    times_s = [_number(part, "seconds") for part in match["times"].split("-")]
    if len(times_s) != 2 or times_s[0] >= times_s[1]:
        raise Damage(f"the times {match['times'][:60]!r}", "[start - end], the start before the end")
    values = match["vad"].split(",") if match["vad"].strip() else [""] * 3
    if len(values) != 3:
        raise Damage(f"the attributes {match['vad'][:60]!r}", "[valence, activation, dominance]")
    block.id, block.code, (block.start_s, block.end_s) = match["id"], match["code"], times_s
    block.vad = none_if_empty([_attribute(value) for value in values])
    block.broken = False


def _read_rating(rating: re.Match[str], block: Block | None) -> None:
    kind, rater = rating["kind"], rating["rater"]
    if block is None:
        raise Damage(f"{kind}-{rater} before any utterance", "[start - end] of an utterance first")
    said = rating["said"].strip().partition("\t")[0].partition("(")[0]  # without the free comment
    items = [item.strip() for item in said.split(";")]
    known: dict[str, Any] = block.labels if kind == "C" else block.attributes
    value = _labels(items) if kind == "C" else _attributes(items)
    if rater in known:
        raise Damage(f"{kind}-{rater} a second time", "one line for each evaluator")
    known[rater] = value


def _labels(words: list[str]) -> list[str]:
    words = [" ".join(word.lower().split()) for word in words if word]
    for word in words:
        if word not in EMOTION_OF_WORD:
            expected = ", ".join(EMOTION_OF_WORD)
            raise Damage(f"the label {word[:60]!r}", f"one of {expected}; free words in ( )")
    return list(dict.fromkeys(EMOTION_OF_WORD[word] for word in words))


def _attributes(items: list[str]) -> Attributes | None:
    found: dict[str, float | None] = {}
    for item in filter(None, items):
        name, *value = item.split(maxsplit=1)
        if name not in ATTRIBUTES or name in found:
            raise Damage(f"the attribute {item[:60]!r}", "val, act and dom once each")
        found[name] = _attribute(*value)
    if len(found) != 3:
        raise Damage(f"the attributes {' '.join(found) or 'none'}", "val, act and dom once each")
    return none_if_empty([found[name] for name in ATTRIBUTES])


def _attribute(text: str = "") -> float | None:
    return _number(text, "1 to 5") if text.strip() else None


def _number(text: str, expected: str) -> float:
    text = text.strip()
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise Damage(f"the number {text[:60]!r}", expected)
    return float(text)
