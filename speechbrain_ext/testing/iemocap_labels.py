"""Label files of the mini corpus in IEMOCAP's layout: raters' votes, consensus, dimensions, transcriptions."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from speechbrain_ext.testing.raters import Rater, panel
from speechbrain_ext.testing.speech import stream

CODES = {
    "neutral": "neu", "happiness": "hap", "excited": "exc", "sadness": "sad", "anger": "ang", "frustration": "fru",
    "surprise": "sur", "fear": "fea", "disgust": "dis", "other": "oth", None: "xxx",
}  # fmt: skip
COMMENTS = ("curious", "not sure", "hardly", "a bit of both", "blas\xe9", "ironic?")
HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
# Raters of the emotion and, by session, of the dimensions: not always the same people.
CATEGORICAL = ("E2", "E3", "E4")
ATTRIBUTE = {"1": ("E3", "E4"), "2": ("E1", "E3"), "3": ("E3", "E4"), "4": ("E1", "E2"), "5": ("E3", "E4")}

Dimensions = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Votes:
    """Judgements of one utterance: by rater, labels with a comment, and valence, activation, dominance."""

    labels: dict[str, list[str]]
    comments: dict[str, str]
    dimensions: dict[str, Dimensions]


@dataclass(frozen=True)
class Judged:
    """A spoken utterance in its dialog; `votes` is None where no rater heard it."""

    name: str
    text: str
    start_s: float
    end_s: float
    votes: Votes | None

    @property
    def heard(self) -> Votes:
        """The judgements of an utterance that was judged."""
        assert self.votes is not None, self.name
        return self.votes


@functools.cache
def _panel() -> dict[str, Rater]:
    return {rater.name: rater for rater in panel("IEMOCAP", ["E1", "E2", "E3", "E4", "F1", "M1"])}


def judge(name: str, emotion: str, intensity: float, seed: int) -> Votes:
    """Let the raters and the actor listen to one utterance.

    Arguments
    ---------
    name : str
        The utterance; its last field begins with the letter of the actor.
    emotion : str
        What was meant.
    intensity : float
        How strongly it was delivered.
    seed : int
        Of the corpus.
    """
    actor = name.rsplit("_", 1)[1][0] + "1"
    labels, comments = {}, {}
    dimensions: dict[str, Dimensions] = {}
    for rater in (*CATEGORICAL, actor):
        random = stream("IEMOCAP", "hear", seed, name, rater)
        labels[rater] = _panel()[rater].hear(emotion, intensity, random)
        comments[rater] = COMMENTS[random.randint(len(COMMENTS))] if random.uniform() < 0.1 else ""
    for rater in (*ATTRIBUTE[name[4]], actor):
        random = stream("IEMOCAP", "rate", seed, name, rater)
        values = _panel()[rater].rate(emotion, intensity, random)
        # Now and then a rater leaves one out; never the first, so that there is always a mean.
        lost = random.randint(3) if random.uniform() < 0.06 and rater != ATTRIBUTE[name[4]][0] else None
        valence, activation, dominance = (None if place == lost else value for place, value in enumerate(values))
        dimensions[rater] = (valence, activation, dominance)
    return Votes(labels, comments, dimensions)


def label_files(dialog: str, turns: list[Judged]) -> dict[str, str]:
    """Give the texts of all files of a dialog, by their names below the session's folder `dialog`.

    Arguments
    ---------
    dialog : str
        Its name.
    turns : list of Judged
        Its utterances in the order in which they were spoken.
    """
    judged = sorted((item for item in turns if item.votes is not None), key=lambda item: item.name)
    evaluation = "EmoEvaluation"
    files = {
        f"{evaluation}/{dialog}.txt": "\n".join([HEADER, "", *(_block(item) for item in judged)]) + "\n",
        f"transcriptions/{dialog}.txt": "".join(
            f"{item.name} [{item.start_s:08.4f}-{item.end_s:08.4f}]: {item.text}.\n" for item in turns
        ),
    }
    for rater in sorted({rater for item in judged for rater in item.heard.labels}):
        folder = "Categorical" if rater in CATEGORICAL else "Self-evaluation"
        files[f"{evaluation}/{folder}/{dialog}_{rater.lower()}_cat.txt"] = _listing(judged, rater, _labels_alone)
    for rater in sorted({rater for item in judged for rater in item.heard.dimensions}):
        folder = "Attribute" if rater.startswith("E") else "Self-evaluation"
        files[f"{evaluation}/{folder}/{dialog}_{rater.lower()}_atr.txt"] = _listing(judged, rater, _dimensions_alone)
    return files


def consensus(votes: Votes) -> str | None:
    """Give the label that most of the three raters gave and at least two did; None where there is none."""
    counts = Counter(label for rater in CATEGORICAL for label in votes.labels[rater]).most_common(2)
    (best, count), second = counts[0], counts[1][1] if len(counts) > 1 else 0
    return best if count >= 2 and count > second else None


def _block(item: Judged) -> str:
    """The block of an utterance in the dialog's label file, with a blank line after it."""
    votes = item.heard
    means = []
    for place in range(3):
        given = [votes.dimensions[rater][place] for rater in ATTRIBUTE[item.name[4]]]
        known = [value for value in given if value is not None]
        means.append(sum(known) / len(known))
    mean = ", ".join(f"{value:.4f}" for value in means)
    lines = [f"[{item.start_s:.4f} - {item.end_s:.4f}]\t{item.name}\t{CODES[consensus(votes)]}\t[{mean}]"]
    for rater, labels in votes.labels.items():
        said = " ".join(f"{label.capitalize()};" for label in labels)
        lines.append(f"C-{rater}:\t{said}\t({votes.comments[rater]})")
    for rater, (valence, activation, dominance) in votes.dimensions.items():
        # Two blanks before the last number, as in the real files.
        said = f"val {_number(valence)}; act {_number(activation)}; dom  {_number(dominance)};"
        lines.append(f"A-{rater}:\t{said}\t()")
    return "\n".join(lines) + "\n"


def _listing(judged: list[Judged], rater: str, form: Callable[[Votes, str], str]) -> str:
    heard = (item for item in judged if rater in item.heard.labels or rater in item.heard.dimensions)
    return "".join(f"{item.name} {form(item.heard, rater)}\n" for item in heard)


def _labels_alone(votes: Votes, rater: str) -> str:
    names = ("Neutral state" if label == "neutral" else label.capitalize() for label in votes.labels.get(rater, []))
    return f"{' '.join(f':{name};' for name in names)} ({votes.comments.get(rater, '')})"


def _dimensions_alone(votes: Votes, rater: str) -> str:
    valence, activation, dominance = (_number(value) for value in votes.dimensions[rater])
    return f":act {activation}; :val {valence}; :dom  {dominance}; ()"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
