"""What scores over speakers share: the type of an interval, and the speakers as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# The low and the high end.
Interval = tuple[float, float]


def pair(truth: Any, prediction: Any, dtype: type | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Make arrays [utterance] of truth and prediction.

    Raises
    ------
    ValueError
        The lengths differ or there is no utterance.
    """
    truth, prediction = np.asarray(truth, dtype=dtype), np.asarray(prediction, dtype=dtype)
    if len(truth) != len(prediction):
        raise ValueError(f"truth and prediction differ in length: {len(truth)} != {len(prediction)}")
    if len(truth) == 0:
        raise ValueError("truth and prediction: expected at least one utterance, found none")
    return truth, prediction


def speaker_index(speakers: Sequence[Any] | np.ndarray, count: int) -> tuple[int, np.ndarray]:
    """Number the speakers in the order of their names: how many there are, and the number of each utterance's speaker.

    Raises
    ------
    ValueError
        There are not as many as utterances.
    """
    if len(speakers) != count:
        raise ValueError(f"speakers and truth differ in length: {len(speakers)} != {count}")
    names, owner = np.unique(np.asarray(speakers), return_inverse=True)
    return len(names), owner
