"""How the difference of two scores is written: UAR and WA in points of a per cent, CCC as it is."""

from __future__ import annotations

from dataclasses import dataclass

from speechbrain_ext.evaluation.targets import dimension_of
from speechbrain_ext.metrics.paired_tests import PairedTest
from speechbrain_ext.utils.text import DASH

# Stands after a difference that holds after Holm.
HOLDS = "*"


@dataclass(frozen=True)
class Unit:
    """How a score and its differences are written.

    Attributes
    ----------
    score : str
        The score's name in a sentence, such as "UAR" or "CCC of valence".
    points : str
        What follows a difference, such as "points of UAR".
    factor : float
        A score is written times this.
    digits : int
        After the decimal point.
    short : int
        Digits of the first sentence.
    """

    score: str
    points: str
    factor: float
    digits: int
    short: int

    def write(self, value: float) -> str:
        """Write a score, or a distance.

        Example
        -------
        >>> unit_of("uar").write(0.58333), unit_of("ccc.valence").write(0.58333)
        ('58.33', '0.583')
        """
        return f"{self.factor * value:.{self.digits}f}"

    def signed(self, value: float) -> str:
        """Write a difference with its sign.

        Example
        -------
        >>> unit_of("uar").signed(0.0208), unit_of("ccc.valence").signed(-0.0208)
        ('+2.08', '-0.021')
        """
        return f"{self.factor * value:+.{self.digits}f}"

    def shortly(self, value: float) -> str:
        """Write a difference for the first sentence."""
        return f"{self.factor * value:.{self.short}f}"


def unit_of(metric: str) -> Unit:
    """How a score is written that is named "uar", "wa", or for example "ccc.valence"."""
    if dimension := dimension_of(metric):
        return Unit(f"CCC of {dimension}", f"in CCC of {dimension}", 1, 3, 3)
    return Unit(metric.upper(), f"points of {metric.upper()}", 100, 2, 1)


def difference_text(metric: str, test: PairedTest, p: float | None, holds: bool) -> str:
    """Write a difference with its interval and its p.

    Arguments
    ---------
    metric : str
        "uar", or for example "ccc.valence".
    test : PairedTest
    p : float or None
        After Holm; None where there is no test.
    holds : bool
        Whether the difference holds after Holm.

    Returns
    -------
    text : str
        Such as "+2.08 [-0.93, 5.10], p = 0.18".
    """
    unit, ends = unit_of(metric), test.interval
    interval = f" [{', '.join(map(unit.write, ends))}]" if ends else ""
    written = DASH if p is None else write_p(p)
    return f"{unit.signed(test.difference)}{interval}, p = {written}{f' {HOLDS}' if holds else ''}"


def write_p(p: float) -> str:
    """Write p with two digits that say something.

    Example
    -------
    >>> write_p(0.0213), write_p(0.5), write_p(0.00195)
    ('0.02', '0.50', '0.002')
    """
    return f"{p:.2f}" if p >= 0.01 else f"{p:.1g}"
