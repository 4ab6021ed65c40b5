"""Utterances in segments of a fixed length: consecutive, the last one as long as what is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

MEANS = ("posteriors", "log_posteriors")

SEPARATOR = "#"


def count_segments(length: int, segment: int) -> int:
    """How many segments an utterance has: at least one.

    Arguments
    ---------
    length, segment : int
        Of the utterance and of a segment, in the same unit.

    Example
    -------
    >>> count_segments(64000, 64000), count_segments(64001, 64000), count_segments(0, 64000)
    (1, 2, 1)
    """
    return max(1, -(-length // segment))


def segment_name(identity: str, place: int) -> str:
    """Name a segment of an utterance.

    Example
    -------
    >>> segment_name("03a01Fa", 1), utterance_of("03a01Fa#1")
    ('03a01Fa#1', '03a01Fa')
    """
    return f"{identity}{SEPARATOR}{place}"


def utterance_of(name: str) -> str:
    """The utterance that a segment is of."""
    return name.rpartition(SEPARATOR)[0]


def group(names: Iterable[str]) -> dict[str, list[str]]:
    """Segments by utterance, in the order of their places."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(utterance_of(name), []).append(name)
    return {identity: sorted(segments, key=place_of) for identity, segments in found.items()}


def mean_posteriors(log_posteriors: Sequence[Sequence[float]], of: str = "posteriors") -> tuple[float, ...]:
    """The utterance's log-posteriors: of the mean of its segments' posteriors, or of their logarithms.

    Arguments
    ---------
    log_posteriors : sequence of sequences of float [segment, class]
    of : str
        "posteriors"; "log_posteriors": their geometric mean, scaled to add up to 1.

    Raises
    ------
    ValueError
        There is no such mean.

    Example
    -------
    >>> [round(float(np.exp(value)), 3) for value in mean_posteriors(np.log([[0.9, 0.1], [0.5, 0.5]]))]
    [0.7, 0.3]
    """
    if of not in MEANS:
        raise ValueError(f"utterance: expected one of {', '.join(MEANS)}, found {of!r}")
    rows = np.asarray(log_posteriors, dtype=np.float64)  # [segment, class]
    if len(rows) == 1:
        return tuple(rows[0].tolist())
    if of == "log_posteriors":
        mean = rows.mean(axis=0)  # [class]
        return tuple((mean - np.logaddexp.reduce(mean)).tolist())
    return tuple((np.logaddexp.reduce(rows, axis=0) - np.log(len(rows))).tolist())


def mean_vectors(vectors: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The mean of the segments' vectors [segment, feature]."""
    return tuple(np.asarray(vectors, dtype=np.float64).mean(axis=0).tolist())


def place_of(name: str) -> int:
    """Place of a segment in its utterance, counted from 0.

    Example
    -------
    >>> place_of("03a01Fa#1")
    1
    """
    return int(name.rpartition(SEPARATOR)[2])
