"""What linear support vector machines share: standardised features, the choice of C, alignment to another corpus."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np

from speechbrain_ext.dataio.corpus_balance import group_weights
from speechbrain_ext.dataio.correlation_alignment import align
from speechbrain_ext.dataio.statistics import statistics
from speechbrain_ext.utils.errors import UserError


@dataclass(frozen=True)
class Fitted:
    """Machines of scikit-learn, and for values of dimensions the mean and deviation of each, by name."""

    machines: Sequence[Any]
    units: Mapping[str, np.ndarray] = field(default_factory=dict)


# From arrays [utterance, feature] to mean and deviation [feature].
Measure = Callable[[Sequence[np.ndarray]], tuple[np.ndarray, np.ndarray]]
Linear = TypeVar("Linear", bound="LinearMachine")


class LinearMachine(ABC):
    """What the classifier and the regressor share: standardised and clipped features, and the choice of C.

    C is chosen by cross-validation inside the training set: folds share no speaker, scores are averaged over folds,
    and among equals the smallest C wins. Nothing is drawn at random and sums run in one thread, so two fits on one
    machine are the same.

    Arguments
    ---------
    c_grid : sequence of float
        Values of C to choose from; with one value nothing is chosen.
    inner_folds : int
        Folds of the choice of C; fewer where there are fewer speakers.
    clip_deviations : float
        Standardised features are cut to this many deviations on either side: some functionals have outliers of a
        thousand.

    Raises
    ------
    UserError
        A value that fits none of these descriptions.
    """

    warnings: ClassVar[tuple[str, ...]]
    arrays: ClassVar[tuple[str, ...]] = ("mean", "deviation", "coefficients", "intercepts", "C")

    def __init__(self, c_grid: Sequence[float], inner_folds: int = 4, clip_deviations: float = 10.0) -> None:
        self.c_grid, self.inner_folds, self.clip_deviations = checked_c_grid(c_grid), inner_folds, clip_deviations
        if inner_folds < 2:
            raise UserError(f"inner_folds: expected 2 or more, found {inner_folds}: try 4")
        if not clip_deviations > 0:
            raise UserError(f"clip_deviations: expected a value above 0, found {clip_deviations}: try 10.0")
        self.model: dict[str, np.ndarray] = {}
        self.inner_scores: dict[float, float] = {}

    def fit(
        self: Linear,
        features: np.ndarray,
        targets: Sequence[int] | np.ndarray,
        speakers: Sequence[str],
        groups: Sequence[int] | None = None,
    ) -> Linear:
        """Choose C and fit on all of the training set.

        Arguments
        ---------
        features : np.ndarray
            [utterance, feature].
        targets : sequence of int, or np.ndarray
            Class indices, or values [utterance, dimension].
        speakers : sequence of str
            Speaker of each utterance.
        groups : sequence of int or None
            Group of each utterance: each group weighs the same in place of each class, here and where C is chosen,
            which every held-out utterance has one vote for. None: utterances or classes weigh the same.

        Raises
        ------
        UserError
            Fewer than two classes, or than two speakers where C is to be chosen.
        """
        features, targets = np.asarray(features, dtype=np.float64), np.asarray(targets)
        self._fit_rows(features, targets, speakers, statistics, groups)
        return self

    def fit_aligned(
        self: Linear,
        features: np.ndarray,
        targets: Sequence[int] | np.ndarray,
        speakers: Sequence[str],
        others: np.ndarray,
        groups: Sequence[int] | None = None,
    ) -> Linear:
        """Fit to the training set with the covariance of another corpus's utterances (CORAL); score that corpus only.

        Arguments
        ---------
        features, targets, speakers, groups
            As for `fit`.
        others : np.ndarray
            Features of the other corpus's utterances, without labels: [utterance, feature]. They are standardised with
            their own mean and deviation, here and where they are scored.

        Raises
        ------
        UserError
            As `fit` does.
        """
        targets, others = np.asarray(targets), np.asarray(others, dtype=np.float64)
        own, of_others = statistics([np.asarray(features, dtype=np.float64)]), statistics([others])
        rows = align(self._standardise(features, *own), self._standardise(others, *of_others))  # [utterance, feature]
        # Aligned rows are not standardised again: that would undo the alignment.
        self._fit_rows(rows, targets, speakers, _unit_statistics, groups)
        self.model |= {"mean": of_others[0], "deviation": of_others[1]}
        return self

    def _fit_rows(
        self,
        features: np.ndarray,
        targets: np.ndarray,
        speakers: Sequence[str],
        measure: Measure,
        groups: Sequence[int] | None,
    ) -> None:
        """Choose C and fit; `measure` gives the mean and deviation that features are standardised with."""
        from threadpoolctl import threadpool_limits

        of_group = None if groups is None else np.asarray(groups)  # [utterance]
        with threadpool_limits(1):
            several = len(self.c_grid) > 1
            c = self._choose(features, targets, speakers, measure, of_group) if several else self.c_grid[0]
            mean, deviation = measure([features])
            rows = self._standardise(features, mean, deviation)  # [utterance, feature]
            fitted = self._fit("linear", c, rows, targets, None if of_group is None else group_weights(of_group))
        self.model = {"mean": mean, "deviation": deviation, **self._arrays(fitted), "C": np.array(c)}

    @property
    def c(self) -> float:
        """The C that was chosen."""
        return float(self.model["C"])

    @property
    def parameters(self) -> int:
        """Number of coefficients and intercepts."""
        return self.model["coefficients"].size + self.model["intercepts"].size

    def load(self: Linear, model: Mapping[str, np.ndarray]) -> Linear:
        """Take over the arrays of `model` of a fitted one."""
        self.model = {name: np.asarray(model[name]) for name in self.arrays}
        return self

    def _standardise(self, features: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        return np.clip((features - mean) / deviation, -self.clip_deviations, self.clip_deviations)

    def _margins(self, features: np.ndarray) -> np.ndarray:
        """Linear functions of features [utterance, feature]: [utterance, pair of classes or dimension]."""
        model = self.model
        rows = self._standardise(np.asarray(features, dtype=np.float64), model["mean"], model["deviation"])
        # Row by row, as a product of matrices may round a row differently in another batch.
        products = [model["coefficients"] @ row for row in rows]
        return np.reshape(products, (len(rows), -1)) + model["intercepts"]

    def _choose(
        self,
        features: np.ndarray,
        targets: np.ndarray,
        speakers: Sequence[str],
        measure: Measure,
        groups: np.ndarray | None,
    ) -> float:
        scores = np.zeros(len(self.c_grid))
        folds = speaker_folds(speakers, self.inner_folds)
        for held_out in folds:
            trained = np.setdiff1d(np.arange(len(targets)), held_out)
            mean, deviation = measure([features[trained]])
            rows = self._standardise(features[trained], mean, deviation)  # [utterance, feature]
            tested = self._standardise(features[held_out], mean, deviation)  # [utterance, feature]
            weights = None if groups is None else group_weights(groups[trained])  # [utterance]
            # One product serves all values of C: with thousands of features it takes most of the time.
            gram, cross = rows @ rows.T, tested @ rows.T  # [trained, trained], [held out, trained]
            for place, c in enumerate(self.c_grid):
                fitted = self._fit("precomputed", c, gram, targets[trained], weights)
                scores[place] += self._score(fitted, cross, targets[held_out]) / len(folds)
        self.inner_scores = {c: float(score) for c, score in zip(self.c_grid, scores, strict=True)}
        return self.c_grid[int(np.argmax(scores))]

    @abstractmethod
    def _fit(self, kernel: str, c: float, rows: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> Fitted:
        """Fit to standardised rows [utterance, feature], or to products of them [utterance, utterance]."""

    @property
    @abstractmethod
    def balances_classes(self) -> bool:
        """Whether each class weighs the same."""

    @abstractmethod
    def _arrays(self, fitted: Fitted) -> dict[str, np.ndarray]:
        """Arrays of the model."""

    @abstractmethod
    def _score(self, fitted: Fitted, cross: np.ndarray, truth: np.ndarray) -> float:
        """Score on held-out utterances, from their products with the training utterances."""


def _unit_statistics(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and deviation that leave features as they are."""
    size = arrays[0].shape[1]
    return np.zeros(size), np.ones(size)


def speaker_folds(speakers: Sequence[str], folds: int) -> list[np.ndarray]:
    """Split utterances into folds of about one size, no speaker in two of them.

    Arguments
    ---------
    speakers : sequence of str
        Speaker of each utterance.
    folds : int
        Number of folds; fewer where there are fewer speakers.

    Returns
    -------
    list of np.ndarray
        Places of the utterances of each fold. The speaker with the most utterances goes first, each to the
        smallest fold so far: scikit-learn's GroupKFold, but the same on every machine when sizes are equal.

    Raises
    ------
    UserError
        There is one speaker only.

    Example
    -------
    >>> [fold.tolist() for fold in speaker_folds(["03", "08", "08", "09"], 2)]
    [[1, 2], [0, 3]]
    """
    names, counts = np.unique(np.asarray(speakers), return_counts=True)
    if len(names) < 2:
        raise UserError(
            "c_grid: C is chosen over training speakers, expected 2 or more, found 1: "
            "give one value, for instance with: --tag c -- --c_grid [0.001]"
        )
    sizes = [0] * min(folds, len(names))
    fold_of: dict[str, int] = {}
    for place in sorted(range(len(names)), key=lambda index: (-counts[index], names[index])):
        smallest = sizes.index(min(sizes))
        sizes[smallest] += int(counts[place])
        fold_of[str(names[place])] = smallest
    places = np.array([fold_of[str(speaker)] for speaker in speakers])
    return [np.flatnonzero(places == number) for number in range(len(sizes))]


def checked_c_grid(values: Sequence[float]) -> list[float]:
    """Give the values of C in order, each once.

    Raises
    ------
    UserError
        There is none, or one is no number above 0.

    Example
    -------
    >>> checked_c_grid([1, 0.1, 1])
    [0.1, 1.0]
    """
    try:
        grid = sorted({float(value) for value in values})
    except (TypeError, ValueError):
        grid = []
    if not grid or not all(0 < value < float("inf") for value in grid):
        raise UserError(f"c_grid: expected a list of values above 0, found {values!r}: try [0.0001, 0.001, 0.01]")
    return grid
