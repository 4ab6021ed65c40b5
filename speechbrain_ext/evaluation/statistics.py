"""Statistics of prediction files: scores of systems on the same utterances, compared over speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.metrics.calibration import apply_temperature, brier_score, negative_log_likelihood
from speechbrain_ext.metrics.classes import (
    confusions_by_speaker,
    expected_calibration_error,
    scores_of_confusion,
    unweighted_average_recall,
)
from speechbrain_ext.metrics.paired_tests import (
    METRICS,
    McNemar,
    PairedTest,
    Spread,
    holm,
    mcnemar,
    paired_test,
    spread,
)
from speechbrain_ext.metrics.vote_divergence import Divergence, annotator_divergence, vote_divergence
from speechbrain_ext.utils.text import natural_key


@dataclass(frozen=True)
class System:
    """The predictions of a system.

    Attributes
    ----------
    name : str
    classes : tuple of str
    seeds : tuple of sequences of Prediction
        Of each seed, one prediction for each utterance.
    temperatures : mapping
        By fold, of the first seed, fitted to development sets; empty where there are none.
    """

    name: str
    classes: tuple[str, ...]
    seeds: tuple[Sequence[Prediction], ...]
    temperatures: Mapping[str, float] = field(default_factory=dict)

    def tempered(self) -> System | None:
        """The first seed with the posteriors that the temperature of each fold makes; None where there are none."""
        if not self.temperatures:
            return None
        rows = []
        for row in self.seeds[0]:
            [scaled] = apply_temperature([row.posteriors], self.temperatures[row.fold]).tolist()
            rows.append(replace(row, posteriors=tuple(scaled)))
        return System(self.name, self.classes, (rows,))

    def confusions(self, classes: Sequence[str]) -> np.ndarray:
        """Counts [seed, speaker, true class, predicted class], with classes in the order asked for."""
        index = {name: number for number, name in enumerate(classes)}
        return np.stack(
            [
                confusions_by_speaker(
                    [index[row.label] for row in rows],
                    [index[row.prediction] for row in rows],
                    [row.speaker for row in rows],
                    len(classes),
                )
                for rows in self.seeds
            ]
        )  # [seed, speaker, true class, predicted class]

    def is_right(self) -> np.ndarray:
        """Whether the first seed recognises each utterance, in the order of their ids."""
        return np.array([row.label == row.prediction for row in sorted(self.seeds[0], key=lambda row: row.id)])


@dataclass(frozen=True)
class Comparison:
    """A system compared with another one.

    Attributes
    ----------
    first, second : System
    tests : mapping
        By score: "uar" and "wa".
    spreads : mapping
        By score, of the first and the second system.
    mcnemar : McNemar or None
        None where a system has several seeds, whose predictions of an utterance are not one.
    """

    first: System
    second: System
    tests: Mapping[str, PairedTest]
    spreads: Mapping[str, tuple[Spread, Spread]]
    mcnemar: McNemar | None


def score(system: System, metric: str) -> float:
    """WA or UAR of a system; the mean over its seeds."""
    confusions = system.confusions(system.classes).sum(axis=1)  # [seed, true class, predicted class]
    return float(scores_of_confusion(confusions, metric).mean())


def compare(first: System, second: System) -> Comparison:
    """Compare two systems on the same utterances over speakers.

    Raises
    ------
    ValueError
        The true classes of a speaker differ between the systems.
    """
    counts = [one.confusions(first.classes) for one in (first, second)]
    has_one_seed = len(first.seeds) == len(second.seeds) == 1
    return Comparison(
        first,
        second,
        {metric: paired_test(counts[0], counts[1], metric) for metric in METRICS},
        {metric: (spread(counts[0], metric), spread(counts[1], metric)) for metric in METRICS},
        mcnemar(first.is_right(), second.is_right()) if has_one_seed else None,
    )


def family_p(comparisons: Sequence[Comparison], metric: str = "uar") -> list[float | None]:
    """Adjust the p of several systems that are compared with one, after Holm; None where there is no test."""
    tests = [one.tests[metric].p for one in comparisons]
    known = [p for p in tests if p is not None]
    adjusted = iter(holm(known))
    return [None if p is None else next(adjusted) for p in tests]


@dataclass(frozen=True)
class GroupScores:
    """UAR of each system on the utterances of a speaker or of a gender; the mean over its seeds."""

    name: str
    n: int
    uar: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """Whether the posteriors of a system's first seed mean what they say; and their distance from the votes."""

    brier: float
    nll: float
    ece: float
    votes: Divergence | None


def by_speaker(systems: Sequence[System]) -> list[GroupScores]:
    """Score each speaker, sorted by the numbers in the names; UAR is over the classes that the speaker has."""
    names = sorted({row.speaker for row in systems[0].seeds[0]}, key=natural_key)
    return [_group(name, systems, {name}) for name in names]


def by_gender(systems: Sequence[System], genders: Mapping[str, str]) -> list[GroupScores]:
    """Score each gender; empty where that of a speaker is not known, or all speakers have the same."""
    speakers = {row.speaker for row in systems[0].seeds[0]}
    if speakers - set(genders):
        return []
    names = sorted({genders[speaker] for speaker in speakers})
    groups = [_group(name, systems, {one for one in speakers if genders[one] == name}) for name in names]
    return groups if len(groups) > 1 else []


def calibration(system: System, votes: Mapping[str, Sequence[Sequence[float]]]) -> Calibration | None:
    """Compute the calibration of a system's first seed.

    Arguments
    ---------
    system : System
    votes : mapping
        By utterance the votes of each annotator [annotator][class]; utterances without a vote for a class are left
        out of the distance.

    Returns
    -------
    calibration : Calibration or None
        None where the system gives no posteriors.
    """
    rows, index = system.seeds[0], {name: number for number, name in enumerate(system.classes)}
    if not rows[0].posteriors:
        return None
    posteriors = np.array([row.posteriors for row in rows])  # [utterance, class]
    truth = [index[row.label] for row in rows]
    cast = {row.id: np.sum(votes[row.id], axis=0) for row in rows if votes.get(row.id)}  # [class] each
    voted = [(cast[row.id], row.posteriors) for row in rows if row.id in cast and cast[row.id].sum() > 0]
    return Calibration(
        brier_score(posteriors, truth),
        negative_log_likelihood(posteriors, truth),
        expected_calibration_error(posteriors, truth),
        vote_divergence([shares for shares, _ in voted], np.array([found for _, found in voted])) if voted else None,
    )


def annotators(system: System, votes: Mapping[str, Sequence[Sequence[float]]]) -> Divergence | None:
    """Compare each annotator with the others on the utterances of a system; None where there are no votes."""
    return annotator_divergence([votes[row.id] for row in system.seeds[0] if row.id in votes])


def _group(name: str, systems: Sequence[System], speakers: set[str]) -> GroupScores:
    scores, n = [], 0
    for system in systems:
        of_seeds = []
        for rows in system.seeds:
            own = [row for row in rows if row.speaker in speakers]
            n = len(own)
            of_seeds.append(unweighted_average_recall([row.label for row in own], [row.prediction for row in own]))
        scores.append(float(np.mean(of_seeds)))
    return GroupScores(name, n, tuple(scores))
