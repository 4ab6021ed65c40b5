"""Statistics of prediction files: scores of systems on the same utterances, compared over speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from speechbrain_ext.evaluation.targets import Classes, Dimensions, Prediction, Target, dimension_of
from speechbrain_ext.metrics.calibration import apply_temperature, brier_score, negative_log_likelihood
from speechbrain_ext.metrics.classes import (
    confusions_by_speaker,
    expected_calibration_error,
    scores_of_confusion,
)
from speechbrain_ext.metrics.paired_tests import (
    METRICS,
    McNemar,
    PairedTest,
    holm,
    mcnemar,
    paired_concordance,
    paired_test,
)
from speechbrain_ext.metrics.spread import Spread, concordance_spread, spread
from speechbrain_ext.metrics.values import concordance_of_sums, sums_by_speaker
from speechbrain_ext.metrics.vote_divergence import Divergence, annotator_divergence, vote_divergence
from speechbrain_ext.utils.text import natural_key


@dataclass(frozen=True)
class System:
    """The predictions of a system.

    Attributes
    ----------
    name : str
    target : Classes or Dimensions
        With the names that the posteriors, or the values, are in the order of.
    seeds : tuple of sequences of Prediction
        Of each seed, one prediction for each utterance.
    temperatures : mapping
        By fold, of the first seed, fitted to development sets; empty where there are none.
    """

    name: str
    target: Target
    seeds: tuple[Sequence[Prediction], ...]
    temperatures: Mapping[str, float] = field(default_factory=dict)

    def tempered(self) -> System | None:
        """The first seed with the posteriors that the temperature of each fold makes; None where there are none."""
        if not self.temperatures:
            return None
        rows = self.seeds[0]
        temperatures = np.array([self.temperatures[row.fold] for row in rows])  # [utterance]
        scaled = apply_temperature([row.posteriors for row in rows], temperatures[:, None]).tolist()
        pairs = zip(rows, scaled, strict=True)
        return System(self.name, self.target, ([replace(row, posteriors=tuple(one)) for row, one in pairs],))

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

    def sums(self, dimension: str) -> np.ndarray:
        """What the CCC of a dimension is computed from [seed, speaker, sum], see `sums_by_speaker`."""
        place = self.target.names.index(dimension)
        return np.stack(
            [
                sums_by_speaker(
                    [row.values[place] for row in rows],
                    [row.predicted[place] for row in rows],
                    [row.speaker for row in rows],
                )
                for rows in self.seeds
            ]
        )  # [seed, speaker, sum]

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
        By score: "uar" and "wa", or the CCC of each dimension, such as "ccc.valence".
    spreads : mapping
        By score, of the first and the second system.
    mcnemar : McNemar or None
        None where a system has several seeds, whose predictions of an utterance are not one, and for dimensions.
    """

    first: System
    second: System
    tests: Mapping[str, PairedTest]
    spreads: Mapping[str, tuple[Spread, Spread]]
    mcnemar: McNemar | None


def score(system: System, metric: str) -> float:
    """A score of a system, named as in `Comparison`; the mean over its seeds."""
    if dimension := dimension_of(metric):
        return float(concordance_of_sums(system.sums(dimension).sum(axis=1)).mean())
    confusions = system.confusions(system.target.names).sum(axis=1)  # [seed, true class, predicted class]
    return float(scores_of_confusion(confusions, metric).mean())


def decided_by(target: Target) -> tuple[str, ...]:
    """The scores whose tests say which system is better: UAR, or the CCC of each dimension.

    Example
    -------
    >>> decided_by(Dimensions(("valence", "activation")))
    ('ccc.valence', 'ccc.activation')
    """
    return ("uar",) if isinstance(target, Classes) else tuple(f"ccc.{name}" for name in target.names)


def compare(first: System, second: System) -> Comparison:
    """Compare two systems on the same utterances over speakers.

    Raises
    ------
    ValueError
        The true classes, or values, of a speaker differ between the systems.
    """
    if isinstance(first.target, Dimensions):
        return _compare_values(first, second, first.target)
    counts = [one.confusions(first.target.names) for one in (first, second)]
    has_one_seed = len(first.seeds) == len(second.seeds) == 1
    return Comparison(
        first,
        second,
        {metric: paired_test(counts[0], counts[1], metric) for metric in METRICS},
        {metric: (spread(counts[0], metric), spread(counts[1], metric)) for metric in METRICS},
        mcnemar(first.is_right(), second.is_right()) if has_one_seed else None,
    )


def _compare_values(first: System, second: System, target: Dimensions) -> Comparison:
    tests, spreads = {}, {}
    for metric, dimension in zip(decided_by(target), target.names, strict=True):
        own, other = first.sums(dimension), second.sums(dimension)
        tests[metric] = paired_concordance(own, other)
        spreads[metric] = (concordance_spread(own), concordance_spread(other))
    return Comparison(first, second, tests, spreads, None)


def family_p(comparisons: Sequence[Comparison]) -> list[dict[str, float | None]]:
    """Adjust the p of a family of tests after Holm: several systems against one, each by all that `decided_by` names.

    Returns
    -------
    adjusted : list of dict
        Of each comparison, by score; None where there is no test.
    """
    tests = [
        (number, metric, one.tests[metric].p)
        for number, one in enumerate(comparisons)
        for metric in decided_by(one.first.target)
    ]
    adjusted = iter(holm([p for _, _, p in tests if p is not None]))
    found: list[dict[str, float | None]] = [{} for _ in comparisons]
    for number, metric, p in tests:
        found[number][metric] = None if p is None else next(adjusted)
    return found


@dataclass(frozen=True)
class GroupScores:
    """A score of each system on the utterances of a speaker or of a gender, the mean over its seeds."""

    name: str
    n: int
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """Whether the posteriors of a system's first seed mean what they say; and their distance from the votes."""

    brier: float
    nll: float
    ece: float
    votes: Divergence | None


def by_speaker(systems: Sequence[System], metric: str = "uar") -> list[GroupScores]:
    """Score each speaker, sorted by the numbers in the names; UAR is over the classes that the speaker has."""
    names = sorted({row.speaker for row in systems[0].seeds[0]}, key=natural_key)
    return [_group(name, systems, {name}, metric) for name in names]


def by_gender(systems: Sequence[System], genders: Mapping[str, str], metric: str = "uar") -> list[GroupScores]:
    """Score each gender; empty where that of a speaker is not known, or all speakers have the same."""
    speakers = {row.speaker for row in systems[0].seeds[0]}
    if speakers - set(genders):
        return []
    names = sorted({genders[speaker] for speaker in speakers})
    groups = [_group(name, systems, {one for one in speakers if genders[one] == name}, metric) for name in names]
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
    rows, index = system.seeds[0], {name: number for number, name in enumerate(system.target.names)}
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


def _group(name: str, systems: Sequence[System], speakers: set[str], metric: str) -> GroupScores:
    own = [
        replace(system, seeds=tuple([row for row in rows if row.speaker in speakers] for rows in system.seeds))
        for system in systems
    ]
    return GroupScores(name, len(own[0].seeds[0]), tuple(score(system, metric) for system in own))
