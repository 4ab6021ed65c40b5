"""What the intervals over speakers cover, measured by simulation: coverage.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COVERAGE_FILE = Path(__file__).with_name("coverage.json")
COMMAND = "python benchmarks/interval_coverage.py"


@dataclass(frozen=True)
class Coverage:
    """How often the 95 % interval of a score contains the population's score.

    Attributes
    ----------
    low, high : float
        The lowest and the highest share over the simulated populations.
    n_speakers : int
    """

    low: float
    high: float
    n_speakers: int

    @property
    def text(self) -> str:
        """Both shares in per cent.

        Example
        -------
        >>> Coverage(0.9441, 0.958, 10).text, Coverage(0.95, 0.95, 10).text
        ('94.4–95.8 %', '95.0 %')
        """
        low, high = (f"{100 * share:.1f}" for share in (self.low, self.high))
        return f"{low} %" if low == high else f"{low}–{high} %"


def measured_coverage(score: str, n_speakers: int, method: str = "jackknife") -> Coverage | None:
    """Look up the measured coverage of a score's interval.

    Arguments
    ---------
    score : str
        "wa", "uar", "difference" (of the UAR of two systems), or a dimension's CCC, such as "ccc.valence".
    n_speakers : int
        How many speakers were tested.
    method : str
        "jackknife", or "bootstrap", which no result is given with.

    Returns
    -------
    coverage : Coverage or None
        None for a number of speakers, or a score, that was not simulated.
    """
    name = score.partition(".")[0]
    shares = [
        row[method]
        for row in read_coverage()["coverage"]
        if (row["score"], row["speakers"]) == (name, n_speakers) and method in row
    ]
    return Coverage(min(shares), max(shares), n_speakers) if shares else None


def simulated_speakers() -> list[int]:
    """Numbers of speakers for which the coverage is known."""
    return sorted({row["speakers"] for row in read_coverage()["coverage"]})


def coverage_sentence(scores: Mapping[str, str], n_speakers: int) -> str:
    """Say what the intervals of some scores cover at a number of speakers.

    Arguments
    ---------
    scores : mapping
        The scores, with their names in the sentence.
    n_speakers : int

    Returns
    -------
    sentence : str
        Empty where it is not known.
    """
    found = {}
    for score, name in scores.items():
        if coverage := measured_coverage(score, n_speakers):
            found[name] = coverage.text
    shares = ", ".join(f"{name} {share}" for name, share in found.items())
    return f"In simulations with {n_speakers} speakers the 95 % intervals cover: {shares}." if found else ""


def read_coverage() -> Mapping[str, Any]:
    """Read coverage.json, which `benchmarks/interval_coverage.py` writes."""
    return json.loads(COVERAGE_FILE.read_text(encoding="utf-8"))
