"""How the difference of two scores is written: UAR and WA in points of a per cent, CCC as it is."""

from __future__ import annotations

from dataclasses import dataclass


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
    name, _, dimension = metric.partition(".")
    if dimension:
        return Unit(f"CCC of {dimension}", f"in CCC of {dimension}", 1, 3, 3)
    return Unit(name.upper(), f"points of {name.upper()}", 100, 2, 1)
