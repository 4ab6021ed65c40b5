"""Mean and deviation of features over arrays that are read one after the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def statistics(arrays: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation per dimension over all frames, in float64.

    Arguments
    ---------
    arrays : iterable of arrays [time, feature]

    Returns
    -------
    tuple of arrays [feature]
        The deviation of a constant dimension is 1, so that it becomes 0.

    Example
    -------
    >>> mean, deviation = statistics([np.array([[0.0, 5.0]]), np.array([[2.0, 5.0]])])
    >>> mean.tolist(), deviation.tolist()
    ([1.0, 5.0], [1.0, 1.0])
    """
    running = RunningStatistics()
    for array in arrays:
        running.add(array)
    return running.result()


class RunningStatistics:
    """Mean and deviation per dimension of arrays that come one after the other, in float64.

    Means and sums of squared differences are merged, so that memory holds one array at a time and a large
    mean takes no digits from the deviation.

    Source
    ------
    Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", The American Statistician 37(3),
    equations 2.1.

    Example
    -------
    >>> running = RunningStatistics()
    >>> running.add(np.array([[0.0]])), running.add(np.array([[4.0]]))
    (None, None)
    >>> [values.tolist() for values in running.result()]
    [[2.0], [2.0]]
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray | float = 0.0
        self.squares: np.ndarray | float = 0.0

    def add(self, array: np.ndarray) -> None:
        """Take an array [time, feature] in."""
        frames = np.asarray(array, dtype=np.float64)  # [time, feature]
        if not len(frames):
            return
        mean = frames.mean(axis=0)  # [feature]
        total = self.count + len(frames)
        change = mean - self.mean
        self.squares = self.squares + np.square(frames - mean).sum(axis=0)
        self.squares = self.squares + np.square(change) * (self.count * len(frames) / total)
        self.mean = self.mean + change * (len(frames) / total)
        self.count = total

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation [feature]; the deviation of a constant dimension is 1.

        Raises
        ------
        ValueError
            There is no frame.
        """
        if not self.count:
            raise ValueError("statistics: expected at least one frame, found none")
        mean, deviation = np.asarray(self.mean), np.sqrt(np.asarray(self.squares) / self.count)  # [feature]
        return mean, np.where(deviation > 1e-8 * np.maximum(1.0, np.abs(mean)), deviation, 1.0)
