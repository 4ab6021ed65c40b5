"""The one emotion vocabulary of every corpus."""

from __future__ import annotations

from collections.abc import Iterable

EMOTIONS: tuple[str, ...] = (
    "anger",
    "boredom",
    "contempt",
    "disgust",
    "excited",
    "fear",
    "frustration",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
    "other",
)


def in_order(labels: Iterable[str]) -> list[str]:
    """Give each emotion once, in the order of the vocabulary.

    Arguments
    ---------
    labels : iterable of str
        Emotions of the vocabulary.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        A label is not in the vocabulary.

    Example
    -------
    >>> in_order(["sadness", "anger", "sadness"])
    ['anger', 'sadness']
    """
    found = set(labels)
    if strange := sorted(found - set(EMOTIONS)):
        raise ValueError(f"{strange} not in the vocabulary: {list(EMOTIONS)}")
    return [emotion for emotion in EMOTIONS if emotion in found]
