"""Annotators of the mini corpora: what they hear depends on how strongly an emotion is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speechbrain_ext.testing.speech import Random, stream

# Valence, arousal, dominance of a full delivery, relative to the middle of a five-point scale.
AFFECT: dict[str, tuple[float, float, float]] = {
    "anger": (-1.6, 1.5, 1.5),
    "boredom": (-0.6, -1.2, -0.5),
    "disgust": (-1.4, 0.3, 0.5),
    "excited": (1.6, 1.5, 0.9),
    "fear": (-1.3, 1.1, -1.3),
    "frustration": (-1.1, 0.5, 0.5),
    "happiness": (1.4, 0.5, 0.4),
    "neutral": (0.0, -0.4, 0.0),
    "sadness": (-1.3, -1.3, -1.0),
    "surprise": (0.4, 1.0, -0.2),
}

# What an emotion is taken for when it is not recognised.
NEIGHBOURS: dict[str, dict[str, float]] = {
    "anger": {"frustration": 0.6, "disgust": 0.2, "sadness": 0.1, "surprise": 0.1},
    "boredom": {"neutral": 0.6, "sadness": 0.4},
    "disgust": {"anger": 0.4, "frustration": 0.4, "other": 0.2},
    "excited": {"happiness": 0.7, "surprise": 0.2, "anger": 0.1},
    "fear": {"sadness": 0.4, "surprise": 0.4, "anger": 0.2},
    "frustration": {"anger": 0.5, "sadness": 0.3, "neutral": 0.2},
    "happiness": {"excited": 0.7, "surprise": 0.2, "other": 0.1},
    "neutral": {"frustration": 0.4, "sadness": 0.3, "happiness": 0.25, "other": 0.05},
    "sadness": {"frustration": 0.6, "fear": 0.2, "anger": 0.2},
    "surprise": {"excited": 0.5, "fear": 0.25, "happiness": 0.25},
}


@dataclass(frozen=True)
class Rater:
    """A person who listens.

    Arguments
    ---------
    name : str
        As the corpus writes it.
    acuity : float
        Added to the chance of hearing what was meant.
    bias : tuple of float
        Added to valence, arousal and dominance.
    """

    name: str
    acuity: float
    bias: tuple[float, float, float]

    def hear(self, emotion: str, intensity: float, random: Random) -> list[str]:
        """Say what an utterance sounds like: mostly one emotion, now and then two.

        Arguments
        ---------
        emotion : str
            What was meant, a key of NEIGHBOURS.
        intensity : float
            How strongly it was delivered; 1 is full.
        random : numpy.random.RandomState
            The stream of this judgement.

        Returns
        -------
        list of str
            The emotion heard first, then perhaps a neighbour of it.

        Example
        -------
        >>> Rater("E1", 0.0, (0.0, 0.0, 0.0)).hear("sadness", 1.0, stream(1))
        ['sadness']
        """
        chance = min(max(0.22 + 0.70 * intensity + self.acuity, 0.1), 0.97)
        likeness = dict(NEIGHBOURS[emotion])
        if emotion != "neutral":
            # What is hardly put on sounds like nothing.
            likeness["neutral"] = likeness.get("neutral", 0.0) + 2 * max(0.0, 1 - intensity)
        heard = [emotion if random.uniform() < chance else _draw(likeness, random)]
        if random.uniform() < 0.06 + 0.16 * max(0.0, 1 - intensity):
            doubt = emotion if heard[0] != emotion else _draw(likeness, random)
            heard.append(doubt)
        return heard

    def rate(self, emotion: str, intensity: float, random: Random) -> list[int]:
        """Give valence, arousal and dominance, whole numbers from 1 to 5.

        Arguments
        ---------
        emotion : str
            What was meant, a key of AFFECT.
        intensity : float
            How strongly it was delivered.
        random : numpy.random.RandomState
            The stream of this judgement.

        Example
        -------
        >>> Rater("E1", 0.0, (0.0, 0.0, 0.0)).rate("anger", 1.0, stream(1))
        [1, 5, 5]
        """
        noise = random.uniform(-0.9, 0.9, 3)
        felt = [3 + intensity * shift for shift in AFFECT[emotion]]
        return [
            int(min(max(round(value + bias + chance), 1), 5))
            for value, bias, chance in zip(felt, self.bias, noise.tolist(), strict=True)
        ]


def panel(corpus: str, names: list[str]) -> list[Rater]:
    """Give the raters of a corpus their ears.

    Arguments
    ---------
    corpus : str
        Other corpora have other raters.
    names : list of str
        As the corpus writes them.

    Example
    -------
    >>> [rater.name for rater in panel("toy", ["E1", "E2"])]
    ['E1', 'E2']
    """
    raters = []
    for name in names:
        random = stream("rater", corpus, name)
        raters.append(Rater(name, random.uniform(-0.05, 0.05), tuple(random.uniform(-0.35, 0.35, 3).tolist())))
    return raters


def _draw(weights: Mapping[str, float], random: Random) -> str:
    """One key, with a chance that follows its weight."""
    left = random.uniform() * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return name
