"""The content of manifest.json: what a prepared corpus is, and how many utterances of each kind it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from speechbrain_ext.corpora.stated_facts import StatedFacts, stated_facts_of
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject

SOURCES = ("real", "mini")
NO_VALUE = "none"  # counts utterances without a label, session, ...

_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("corpus", "source", "edition", "root", "root_fingerprint", "manifest_sha256"), str),
    **dict.fromkeys(("labels", "speakers", "sessions", "scenarios", "parts", "task", "found_beside_expected"), dict),
    "audio_sha256": (str, type(None)),
    "audio_checked": bool,
    "utterances": int,
    "hours": (int, float, type(None)),
    "subsets": list,
    "notes": list,
}


@dataclass(frozen=True)
class SubsetCounts:
    """How many utterances a subset that papers use has, also by label, speaker and session."""

    name: str
    utterances: int
    labels: Mapping[str, int]
    speakers: Mapping[str, int]
    sessions: Mapping[str, int]


@dataclass(frozen=True)
class CorpusCounts:
    """How many utterances a corpus has, also by label, speaker, session, scenario and part.

    Arguments
    ---------
    utterances : int
    hours : float or None
        None where the audio was not measured.
    labels, speakers, sessions, scenarios, parts : mapping
        Utterances by value; those without one are counted under "none".
    subsets : tuple of SubsetCounts
        Those that papers use.
    """

    utterances: int
    hours: float | None
    labels: Mapping[str, int]
    speakers: Mapping[str, int]
    sessions: Mapping[str, int]
    scenarios: Mapping[str, int]
    parts: Mapping[str, int]
    subsets: tuple[SubsetCounts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CorpusFacts:
    """What stage 0 found out about a copy of a corpus.

    Arguments
    ---------
    corpus : str
        Its name.
    source : str
        "real" or "mini".
    edition : str
        What this copy is called.
    root : str
        The folder of its audio.
    root_fingerprint : str
        Hash of what the labels and file names say.
    audio_sha256 : str or None
        Hash of the samples of all audio; None where it was not read.
    manifest_sha256 : str
        Hash of manifest.jsonl.
    audio_checked : bool
        Whether the audio was read.
    task : Task
        What is usually recognised.
    counts : CorpusCounts
    label_map : mapping
        What words outside the vocabulary mean; None leaves such utterances without a label.
    stated : StatedFacts
        What is stated of a corpus that a CSV lists; of other corpora their modules say it.
    found_beside_expected : mapping
        Found and published counts, for people who read the file.
    notes : tuple of str
        Oddities that are no faults.
    """

    corpus: str
    source: str
    edition: str
    root: str
    root_fingerprint: str
    audio_sha256: str | None
    manifest_sha256: str
    audio_checked: bool
    task: Task
    counts: CorpusCounts
    label_map: Mapping[str, str | None] = field(default_factory=dict)
    stated: StatedFacts = field(default_factory=StatedFacts)
    found_beside_expected: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        """The emotions that utterances are labelled with."""
        return [label for label in self.counts.labels if label != NO_VALUE]

    @classmethod
    def from_json(cls, content: Any) -> CorpusFacts:
        """Check and read the content of manifest.json; ValueError says what was expected and found."""
        for name, kind in _KINDS.items():
            if not isinstance(content.get(name), kind) or (name == "source" and content[name] not in SOURCES):
                found = repr(content[name])[:80] if name in content else "none"
                raise ValueError(f"{name}: expected what stage 0 writes, found {found}")
        try:
            task = Task.from_dict(content["task"])
            subsets = tuple(SubsetCounts(**subset) for subset in content["subsets"])
        except TypeError as fault:
            raise ValueError(f"task or subsets: expected what stage 0 writes ({fault})") from None
        counts = {item.name: content[item.name] for item in fields(CorpusCounts)} | {"subsets": subsets}
        made = {"task": task, "counts": CorpusCounts(**counts), "notes": tuple(content["notes"])}
        try:
            made["stated"] = stated_facts_of(content.get("stated", {}), "stated")
        except UserError as fault:
            raise ValueError(str(fault)) from None
        return cls(**{item.name: content[item.name] for item in fields(cls) if item.name in content} | made)

    def to_json(self) -> JsonObject:
        """The content of manifest.json."""
        content: dict[str, Any] = {}
        for name, value in asdict(self).items():
            content |= value if name == "counts" else {name: value}
        content["stated"] = self.stated.to_json()
        for name in ("label_map", "stated"):
            if not content[name]:
                del content[name]
        return content
