"""Label file of the mini corpus in MSP-IMPROV's layout: many raters a turn, primary and secondary labels."""

from __future__ import annotations

import functools
import math
from collections import Counter

from speechbrain_ext.testing.raters import Rater, panel
from speechbrain_ext.testing.speech import Random, stream

PRIMARY = {"anger": "Angry", "happiness": "Happy", "neutral": "Neutral", "sadness": "Sad", "excited": "Happy"}
CONSENSUS = {"Angry": "A", "Happy": "H", "Neutral": "N", "Sad": "S", "Other": "O"}
# What a rater adds: first the name of what was heard, then perhaps another word.
SECONDARY = {
    "anger": ("Angry", "Annoyed", "Frustrated"),
    "disgust": ("Disgusted", "Annoyed", "Contempt"),
    "excited": ("Excited", "Happy", "Surprised"),
    "fear": ("Fear", "Concerned", "Surprised"),
    "frustration": ("Frustrated", "Annoyed", "Concerned"),
    "happiness": ("Happy", "Excited", "Surprised"),
    "neutral": ("Neutral", "Concerned", "Bored"),
    "other": ("Other", "Concerned", "Bored"),
    "sadness": ("Sad", "Depressed", "Concerned"),
    "surprise": ("Surprised", "Excited", "Concerned"),
}
RATERS = [*(f"rater_id-{number}" for number in range(1, 13)), "A3-K9_x", "WK_07-b", "crowd-21", "q_5", "Z-Z_10", "u44"]


@functools.cache
def _panel() -> tuple[Rater, ...]:
    return tuple(panel("MSP-IMPROV", RATERS))


def block(stem: str, emotion: str, intensity: float, seed: int) -> str:
    """Let some raters listen to one turn, and write down what they say.

    Arguments
    ---------
    stem : str
        The turn's name without the corpus's.
    emotion : str
        What was meant.
    intensity : float
        How strongly it was delivered.
    seed : int
        Of the corpus.

    Returns
    -------
    str
        The consensus line, a line for each rater, a blank line.
    """
    random = stream("MSP-IMPROV", "raters", seed, stem)
    rows, primaries, numbers = [], [], []
    for place in sorted(random.permutation(len(RATERS))[: random.randint(5, 7)].tolist()):
        rater = _panel()[place]
        own = stream("MSP-IMPROV", "hear", seed, stem, rater.name)
        heard = rater.hear(emotion, intensity, own)
        values = _scores(rater, emotion, intensity, stem, own)
        primaries.append(PRIMARY.get(heard[0], "Other"))
        numbers.append(values)
        said = f"{primaries[-1]}; {','.join(_secondary(heard, own))}"
        rows.append(f"R-{rater.name}; {said}; {_line(values)}")
    means = [_mean([values[place] for values in numbers]) for place in range(4)]
    first = f"UTD-IMPROV-{stem}.avi; {_consensus(primaries)}; {_line(means).replace('; N:', ' ; N:')}"
    return "\n".join([first, *rows, "", ""])


def _scores(rater: Rater, emotion: str, intensity: float, stem: str, random: Random) -> list[float]:
    """Activation, valence, dominance, naturalness; not a number where the rater left one out."""
    valence, activation, dominance = rater.rate(emotion, intensity, random)
    # Read speech sounds less natural than spontaneous speech.
    natural = {"R": 2.6, "T": 3.4, "S": 3.8, "P": 4.3}[stem.split("-")[2]] + random.uniform(-1.2, 1.2)
    values = [activation, valence, dominance, min(max(round(natural), 1), 5)]
    chance = random.uniform()
    lost = set(range(4)) if chance < 0.01 else {random.randint(4)} if chance < 0.06 else set()
    return [math.nan if place in lost else float(value) for place, value in enumerate(values)]


def _secondary(heard: list[str], random: Random) -> list[str]:
    words = [SECONDARY[heard[0]][0]]
    if random.uniform() < 0.4:
        words.append(SECONDARY[heard[0]][1 + random.randint(2)])
    words += [SECONDARY[label][0] for label in heard[1:]]
    return list(dict.fromkeys(words))


def _consensus(primaries: list[str]) -> str:
    """The letter of what more raters chose than anything else; X where two are level."""
    (best, count), *rest = Counter(primaries).most_common()
    return "X" if rest and rest[0][1] == count else CONSENSUS[best]


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _line(values: list[float]) -> str:
    numbers = ("NaN" if math.isnan(value) else f"{value:.6f}" for value in values)
    return " ".join(f"{letter}:{number};" for letter, number in zip("AVDN", numbers, strict=True))
