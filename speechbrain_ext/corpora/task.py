"""What is recognised: which utterances of a corpus, with what label, and what a model is trained towards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from speechbrain_ext.corpora.labels import (
    DIMENSIONS,
    EMOTIONS,
    count_votes,
    in_order,
    majority,
    most_voted,
    vote_shares,
)
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.json_values import JsonObject, JsonValue

CHOICES = {
    "emotion": ("perceived", "intended"),
    "clear": ("consensus", "votes"),
    "train_utterances": ("clear", "clear+ambiguous"),
    "soft_target": ("majority", "votes"),
}
LISTS = ("classes", "scenarios", "parts", "dimensions", "merge_labels")
# Not written where it is empty: records and names of folders without it stay as they were.
UNWRITTEN = ("merge_labels",)


@dataclass(frozen=True)
class Task:
    """Which utterances are used, their labels, and their targets.

    Arguments
    ---------
    classes : tuple of str
        Emotions to recognise; none: those that the corpus has.
    merge_excited : bool
        Excited counts as happiness.
    scenarios, parts : tuple of str
        Those to use, as the manifest names them; none: all.
    emotion : str
        "perceived" (the annotators' consensus) or "intended" (the emotion asked for).
    clear : str
        What makes an utterance clear: "consensus" (the release's label is a class) or "votes" (at least two
        annotators share a class, and no two classes tie).
    train_utterances : str
        "clear", or "clear+ambiguous": also those with a vote for a class that are not clear. Tests are clear.
    soft_target : str
        "majority" (one class; shares where ambiguous ones tie) or "votes" (the annotators' shares).
    soft_target_alpha : float
        Smoothing of "votes": q_k = (alpha + n_k) / (alpha K + sum n).
    dimensions : tuple of str
        Valence, activation, dominance as regression targets in place of classes.
    merge_labels : tuple of str
        Emotions that count as another one, such as calm=neutral.

    Source: Li and Zhang 2024, Section 3.1.1, after Ando et al. 2018.
    """

    classes: tuple[str, ...] = ()
    merge_excited: bool = False
    scenarios: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    emotion: str = "perceived"
    clear: str = "consensus"
    train_utterances: str = "clear"
    soft_target: str = "majority"
    soft_target_alpha: float = 0.0
    dimensions: tuple[str, ...] = ()
    merge_labels: tuple[str, ...] = ()

    @classmethod
    def from_keys(cls, keys: Mapping[str, JsonValue], where: str) -> Task:
        """Read the keys of a recipe; None is the default.

        Raises
        ------
        UsageError
            A key has a value that it cannot have; `where` is named.
        """
        values = {}
        for key in TASK_KEYS & keys.keys():
            value = keys[key]
            if value is None:
                continue
            values[key] = _checked(key, value, f"{where}: {key}")
        if "classes" in values and len(values["classes"]) < 2:
            raise UsageError(f"{where}: classes: expected at least two, found {', '.join(values['classes']) or 'none'}")
        task = cls(**values)
        if task.merge_excited and "excited" in task.classes:
            raise UsageError(f"{where}: merge_excited: excited is a class of its own: set it to False or leave it out")
        for merged in task.merge_labels:
            if (label := merged.partition("=")[0]) in task.classes:
                raise UsageError(f"{where}: merge_labels: {merged}: {label} is a class itself: leave one of them out")
        return task

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Task:
        """Make the task of what `to_dict` gives; TypeError where its keys are others."""
        return cls(**{**content, **{key: tuple(content[key]) for key in LISTS if key in content}})

    def to_dict(self) -> JsonObject:
        """Plain values, tuples as lists."""
        values = ((key, value) for key, value in asdict(self).items() if value or key not in UNWRITTEN)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values}

    def with_classes(self, labels: Iterable[str]) -> Task:
        """The task with the corpus's labels as classes, where it names none."""
        if self.classes:
            return self
        return replace(self, classes=tuple(in_order(self.merged(label) for label in labels)))

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for an utterance."""
        return len(self.dimensions or self.classes)

    def uses(self, utterance: Utterance) -> bool:
        """Whether the utterance is of the scenarios and parts asked for."""
        return not (
            (self.scenarios and utterance.scenario not in self.scenarios)
            or (self.parts and utterance.part not in self.parts)
        )

    def label_of(self, utterance: Utterance) -> str | None:
        """The class of a clear utterance; None for any other. With dimensions "" where all of them are known."""
        if not self.uses(utterance):
            return None
        if self.dimensions:
            return None if self.values_of(utterance) is None else ""
        if self.emotion == "intended":
            label = utterance.intended
        elif self.clear == "votes":
            place = majority(self.counts_of(utterance))
            label = None if place is None else self.classes[place]
        else:
            label = utterance.label
        merged = None if label is None else self.merged(label)
        return merged if merged in self.classes else None

    def is_ambiguous(self, utterance: Utterance) -> bool:
        """Whether the utterance is not clear and has a vote for a class."""
        if not self.uses(utterance) or self.dimensions or self.label_of(utterance) is not None:
            return False
        return sum(self.counts_of(utterance)) > 0

    def counts_of(self, utterance: Utterance) -> list[int]:
        """Annotators for each class."""
        votes = ([self.merged(label) for label in vote.labels] for vote in utterance.votes)
        return count_votes(votes, self.classes)

    def values_of(self, utterance: Utterance) -> list[float] | None:
        """The consensus on the dimensions asked for; None where one is missing."""
        vad = utterance.vad or [None] * len(DIMENSIONS)
        values = [vad[DIMENSIONS.index(name)] for name in self.dimensions]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None

    def target_of(self, utterance: Utterance) -> list[float]:
        """What a model is trained towards: shares of the classes, or values of the dimensions.

        An utterance that has a label and no vote for a class has the label as its only vote.
        """
        if self.dimensions:
            return list(self.values_of(utterance) or ())
        label, counts = self.label_of(utterance), self.counts_of(utterance)
        if label is not None and (self.soft_target == "majority" or not sum(counts)):
            counts = [int(name == label) for name in self.classes]
        if self.soft_target == "majority":
            return most_voted(counts)
        return vote_shares(counts, self.soft_target_alpha)

    def name(self, usual: Task) -> str:
        """Name what differs from the usual task's utterances, as a part of a file's name; "" where nothing does.

        Example
        -------
        >>> usual = Task(("anger", "sadness"))
        >>> replace(usual, parts=("S", "T"), soft_target="votes").name(usual)
        'parts-S-T'
        """
        words = []
        for item in fields(self):
            value = getattr(self, item.name)
            if value == getattr(usual, item.name) or item.name in ("soft_target", "soft_target_alpha"):
                continue
            text = "-".join(value) if isinstance(value, tuple) else str(value)
            words.append(f"{item.name}-{text or 'all'}".replace("_", "-").replace(" ", "-"))
        return ".".join(words)

    def merged(self, label: str) -> str:
        """What a label counts as."""
        for text in self.merge_labels:
            if text.partition("=")[0] == label:
                return text.partition("=")[2]
        return "happiness" if self.merge_excited and label == "excited" else label


TASK_KEYS = frozenset(item.name for item in fields(Task))


def _checked(key: str, value: Any, where: str) -> Any:
    if key in CHOICES and value not in CHOICES[key]:
        raise UsageError(f"{where}: expected one of {', '.join(CHOICES[key])}, found {value!r}")
    if key == "merge_excited" and not isinstance(value, bool):
        raise UsageError(f"{where}: expected True or False, found {value!r}")
    if key == "soft_target_alpha":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise UsageError(f"{where}: expected a number, 0 or more, found {value!r}")
        return float(value)
    if key not in LISTS:
        return value
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: expected a list of words, such as [a, b], found {value!r}")
    if key == "merge_labels":
        wrong = [item for item in value if not {item.partition("=")[0], item.partition("=")[2]} <= set(EMOTIONS)]
        if wrong:
            raise UsageError(f"{where}: {', '.join(wrong)}: expected two emotions, such as calm=neutral")
    known = {"classes": EMOTIONS, "dimensions": DIMENSIONS}.get(key)
    if known and (strange := [item for item in value if item not in known]):
        raise UsageError(f"{where}: {', '.join(strange)}: expected some of {', '.join(known)}")
    if len(set(value)) != len(value):
        raise UsageError(f"{where}: a word stands twice in {', '.join(value)}: give each once")
    return tuple(in_order(value)) if key == "classes" else tuple(value)
