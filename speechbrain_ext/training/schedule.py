"""Learning rates by parts of a training, and the number of epochs when a paper's schedule is scaled."""

from __future__ import annotations

from collections.abc import Sequence

MAX_RATE = 10


class PiecewiseRate:
    """Constant rates over parts of the training, so that a shorter training has the same parts.

    Arguments
    ---------
    rates : sequence of float
        One for each part.
    until : sequence of int
        The last epoch of each part, as the paper counts them; the last one ends the training.

    Raises
    ------
    ValueError
        Rates and parts do not fit together, or a rate is no positive number.

    Example
    -------
    >>> schedule = PiecewiseRate([0.01, 0.001, 0.0001], [40, 120, 400])
    >>> schedule.epochs = 40
    >>> [schedule(epoch)[1] for epoch in (3, 4, 11, 12, 40)]
    [0.01, 0.001, 0.001, 0.0001, 0.0001]
    """

    def __init__(self, rates: Sequence[float], until: Sequence[int]) -> None:
        if not rates or len(rates) != len(until) or list(until) != sorted(set(until)) or until[0] < 1:
            raise ValueError(f"expected a rate for each rising epoch, found rates {list(rates)}, until {list(until)}")
        wrong = [rate for rate in rates if isinstance(rate, (str, bool)) or not 0 < rate <= MAX_RATE]
        if wrong:
            raise ValueError(f"expected rates above 0 and at most {MAX_RATE}, found {wrong[0]!r}")
        self.rates, self.until = [float(rate) for rate in rates], list(until)
        self.epochs = self.until[-1]

    def __call__(self, epoch: int) -> tuple[float, float]:
        """The rates of an epoch, counted from 1, and of the next."""
        return self.rate(epoch), self.rate(epoch + 1)

    def rate(self, epoch: int) -> float:
        """The rate of an epoch."""
        share = (epoch - 1) / self.epochs
        ends = [last / self.until[-1] for last in self.until]
        # Ends of parts are shares of whole numbers: a little less makes 4 / 40 and 40 / 400 the same.
        return next((rate for rate, end in zip(self.rates, ends, strict=True) if share < end - 1e-9), self.rates[-1])


def scaled_epochs(epochs: int, scale: float) -> int:
    """The paper's epochs times the scale of the schedule, at least one.

    Raises
    ------
    ValueError
        The scale is not positive.

    Example
    -------
    >>> scaled_epochs(400, 0.1), scaled_epochs(300, 0.001)
    (40, 1)
    """
    if not scale > 0:
        raise ValueError(f"schedule_scale: expected a number above 0, found {scale}")
    return max(1, round(epochs * scale))
