"""Scales of valence, activation and dominance: the lowest and the highest value that an annotator can give."""

from __future__ import annotations

from collections.abc import Sequence

ValueRange = tuple[float, float]


def convert(values: Sequence[float], source: ValueRange, target: ValueRange) -> tuple[float, ...]:
    """Map values linearly from one scale to another: its lowest value to the lowest, its highest to the highest.

    Arguments
    ---------
    values : sequence of float
    source, target : (float, float)
        Lowest and highest value of each scale.

    Example
    -------
    >>> convert([1.0, 3.0, 5.0], (1.0, 5.0), (-1.0, 1.0))
    (-1.0, 0.0, 1.0)
    """
    if source == target:
        return tuple(values)
    factor = (target[1] - target[0]) / (source[1] - source[0])
    return tuple(target[0] + factor * (value - source[0]) for value in values)


def scale_text(scale: ValueRange) -> str:
    """Write a scale.

    Example
    -------
    >>> scale_text((1.0, 5.0))
    '1 to 5'
    """
    return f"{scale[0]:g} to {scale[1]:g}"
