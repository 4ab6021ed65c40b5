"""The one emotion vocabulary of every corpus, and what annotators' votes make of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

EMOTIONS: tuple[str, ...] = (
    "anger",
    "boredom",
    "calm",
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
DIMENSIONS: tuple[str, ...] = ("valence", "activation", "dominance")


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


def count_votes(votes: Iterable[Collection[str]], classes: Sequence[str]) -> list[int]:
    """Count for each class the annotators who named it, each of them once.

    Arguments
    ---------
    votes : iterable of collections of str
        The labels of each annotator, merged as the task merges.
    classes : sequence of str
        The target emotions.

    Returns
    -------
    list of int
        In the order of the classes.

    Example
    -------
    >>> count_votes([["happiness", "happiness"], ["neutral"], ["fear"]], ["happiness", "neutral"])
    [1, 1]
    """
    sets = [set(labels) for labels in votes]
    return [sum(name in labels for labels in sets) for name in classes]


def majority(counts: Sequence[int]) -> int | None:
    """The place of the class that at least two annotators share; None where there is none or two classes tie.

    Source: Ando et al., ICASSP 2018, as Li and Zhang 2024 take it: "clear" utterances.

    Example
    -------
    >>> majority([2, 1, 0]), majority([1, 1, 1]), majority([2, 2, 0])
    (0, None, None)
    """
    most = max(counts, default=0)
    return list(counts).index(most) if most >= 2 and list(counts).count(most) == 1 else None


def vote_shares(counts: Sequence[int], alpha: float = 0.0) -> list[float]:
    """The soft target of an utterance, q_k = (alpha + n_k) / (alpha K + sum n).

    Arguments
    ---------
    counts : sequence of int
        Annotators for each class.
    alpha : float
        Smoothing; 0 takes the shares as they are.

    Returns
    -------
    list of float
        Sums to 1.

    Raises
    ------
    ValueError
        No annotator named a class and nothing is smoothed, or alpha is negative.

    Source: Ando et al., ICASSP 2018.

    Example
    -------
    >>> vote_shares([2, 1, 0, 1])
    [0.5, 0.25, 0.0, 0.25]
    """
    total = alpha * len(counts) + sum(counts)
    if alpha < 0 or total <= 0:
        raise ValueError(f"expected a vote for a class or alpha above 0, found counts {list(counts)}, alpha {alpha}")
    return [(alpha + count) / total for count in counts]


def most_voted(counts: Sequence[int]) -> list[float]:
    """The target of "majority": all on the class with most votes, in equal shares where classes tie.

    Example
    -------
    >>> most_voted([2, 1, 0]), most_voted([1, 1, 0])
    ([1.0, 0.0, 0.0], [0.5, 0.5, 0.0])
    """
    most = max(counts)
    if most <= 0:
        raise ValueError(f"expected a vote for a class, found counts {list(counts)}")
    tied = [float(count == most) for count in counts]
    return [share / sum(tied) for share in tied]
