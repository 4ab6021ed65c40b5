"""Classifiers that are no networks: fitted at once to one row of features per utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax

from speechbrain_ext.dataio.statistics import statistics
from speechbrain_ext.metrics.classes import unweighted_average_recall
from speechbrain_ext.utils.errors import UserError

if TYPE_CHECKING:
    from sklearn.svm import SVC


class LinearSVM:
    """Linear support vector machines, one for each two classes, on standardised and clipped features.

    C is chosen by cross-validation inside the training part: folds share no
    speaker, the score is the mean UAR over folds, among equals the smallest C
    wins. Nothing is drawn at random and sums run in one thread, so two fits on
    one machine are the same.

    Posteriors are a softmax over the classes' votes and bounded confidences,
    scikit-learn's decision function for one against one: the greatest is
    scikit-learn's own prediction, and their values are NOT calibrated.

    Arguments
    ---------
    n_classes : int
        Number of classes; one without training utterances is never predicted.
    c_grid : sequence of float
        Values of C to choose from; with one value nothing is chosen.
    inner_folds : int
        Folds of the choice of C; fewer where there are fewer speakers.
    clip_deviations : float
        Standardised features are cut to this many deviations on either side: some functionals have
        outliers of a thousand.
    class_weight : str or None
        "balanced": errors are weighted by inverse class frequency; None: they are not.

    Raises
    ------
    UserError
        A value that fits none of these descriptions.

    Source
    ------
    Boser, Guyon & Vapnik, COLT 1992; scikit-learn's SVC (libsvm).

    Example
    -------
    >>> rows = np.array([[0.0, 1.0], [0.2, 1.0], [3.0, 1.0], [3.1, 1.0]])
    >>> svm = LinearSVM(n_classes=2, c_grid=[1.0]).fit(rows, [0, 0, 1, 1], ["03", "08", "03", "08"])
    >>> svm.log_posteriors(rows).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """

    warnings = ("posteriors are a softmax of SVM scores, not calibrated",)

    def __init__(
        self,
        n_classes: int,
        c_grid: Sequence[float],
        inner_folds: int = 4,
        clip_deviations: float = 10.0,
        class_weight: str | None = "balanced",
    ) -> None:
        self.n_classes, self.inner_folds, self.clip_deviations = n_classes, inner_folds, float(clip_deviations)
        self.c_grid, self.class_weight = checked_c_grid(c_grid), class_weight
        if inner_folds < 2:
            raise UserError(f"inner_folds: expected 2 or more, found {inner_folds}: try 4")
        if not self.clip_deviations > 0:
            raise UserError(f"clip_deviations: expected a value above 0, found {clip_deviations}: try 10.0")
        if class_weight not in ("balanced", None):
            raise UserError(f"class_weight: expected balanced or null, found {class_weight!r}")
        self.model: dict[str, np.ndarray] = {}
        self.inner_uar: dict[float, float] = {}

    def fit(self, features: np.ndarray, targets: Sequence[int], speakers: Sequence[str]) -> LinearSVM:
        """Choose C and fit on all of the training part.

        Arguments
        ---------
        features : np.ndarray
            [utterance, feature].
        targets : sequence of int
            Class indices.
        speakers : sequence of str
            Who speaks each utterance.

        Raises
        ------
        UserError
            Fewer than two classes, or than two speakers where C is to be chosen.
        """
        from threadpoolctl import threadpool_limits

        features, targets = np.asarray(features, dtype=np.float64), np.asarray(targets)
        with threadpool_limits(1):
            c = self._choose(features, targets, list(speakers)) if len(self.c_grid) > 1 else self.c_grid[0]
            mean, deviation = statistics([features])
            rows = self._standardise(features, mean, deviation)  # [utterance, feature]
            svm = self._svc("linear", c, targets).fit(rows, targets)
        # Of two classes only, scikit-learn turns the sign: positive there means the second one.
        sign = -1.0 if len(svm.classes_) == 2 else 1.0
        self.model = {
            "mean": mean,
            "deviation": deviation,
            "coefficients": sign * svm.coef_,  # [pair of classes, feature]
            "intercepts": sign * svm.intercept_,  # [pair of classes]
            "C": np.float64(c),
            "classes": np.asarray(svm.classes_, dtype=np.int64),
        }
        return self

    @property
    def c(self) -> float:
        """The C that was chosen."""
        return float(self.model["C"])

    @property
    def parameters(self) -> int:
        """Number of coefficients and intercepts."""
        return self.model["coefficients"].size + self.model["intercepts"].size

    def load(self, model: Mapping[str, np.ndarray]) -> LinearSVM:
        """Take over what `model` of a fitted one holds."""
        names = ("mean", "deviation", "coefficients", "intercepts", "C", "classes")
        self.model = {name: np.asarray(model[name]) for name in names}
        return self

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Votes and bounded confidences [utterance, class]; minus infinity for a class that was not trained.

        Source
        ------
        scikit-learn's `SVC.decision_function` with `decision_function_shape="ovr"`.
        """
        model = self.model
        rows = self._standardise(np.asarray(features, dtype=np.float64), model["mean"], model["deviation"])
        # Row by row, as a product of matrices may round a row otherwise beside other rows.
        products = [model["coefficients"] @ row for row in rows]
        margins = np.reshape(products, (len(rows), -1)) + model["intercepts"]  # [utterance, pair]
        classes = model["classes"]
        votes, confidence = np.zeros((2, len(rows), len(classes)))  # [utterance, trained class] each
        for pair, (first, second) in enumerate(combinations(range(len(classes)), 2)):
            votes[:, first] += margins[:, pair] >= 0
            votes[:, second] += margins[:, pair] < 0
            confidence[:, first] += margins[:, pair]
            confidence[:, second] -= margins[:, pair]
        scores = np.full((len(rows), self.n_classes), -np.inf)
        scores[:, classes] = votes + confidence / (3 * (np.abs(confidence) + 1))  # [utterance, class]
        return scores

    def log_posteriors(self, features: np.ndarray) -> np.ndarray:
        """Softmax of the scores, as logarithms [utterance, class]: not calibrated."""
        return log_softmax(self.scores(features), axis=1)

    def _standardise(self, features: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        return clipped(features, mean, deviation, self.clip_deviations)

    def _svc(self, kernel: str, c: float, targets: np.ndarray) -> SVC:
        from sklearn.svm import SVC

        if len(np.unique(targets)) < 2:
            raise UserError(f"expected utterances of two classes or more to train on, found {len(np.unique(targets))}")
        return SVC(C=c, kernel=kernel, class_weight=self.class_weight, break_ties=True)

    def _choose(self, features: np.ndarray, targets: np.ndarray, speakers: Sequence[str]) -> float:
        uars = np.zeros(len(self.c_grid))
        folds = speaker_folds(speakers, self.inner_folds)
        for held_out in folds:
            trained = np.setdiff1d(np.arange(len(targets)), held_out)
            mean, deviation = statistics([features[trained]])
            rows = self._standardise(features[trained], mean, deviation)  # [utterance, feature]
            tested = self._standardise(features[held_out], mean, deviation)  # [utterance, feature]
            # One product serves all values of C: with thousands of features it is what costs.
            gram, cross = rows @ rows.T, tested @ rows.T  # [trained, trained], [held out, trained]
            for place, c in enumerate(self.c_grid):
                svm = self._svc("precomputed", c, targets[trained]).fit(gram, targets[trained])
                uars[place] += unweighted_average_recall(targets[held_out], svm.predict(cross)) / len(folds)
        self.inner_uar = {c: float(uar) for c, uar in zip(self.c_grid, uars, strict=True)}
        return self.c_grid[int(np.argmax(uars))]


def speaker_folds(speakers: Sequence[str], folds: int) -> list[np.ndarray]:
    """Split utterances into folds of about one size, no speaker in two of them.

    Arguments
    ---------
    speakers : sequence of str
        Who speaks each utterance.
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


def clipped(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, deviations: float) -> np.ndarray:
    """Standardise features [utterance, feature], cut to so many deviations on either side.

    Example
    -------
    >>> clipped(np.array([[1.0, 9.0]]), np.array([0.0, 1.0]), np.array([2.0, 1.0]), 3.0).tolist()
    [[0.5, 3.0]]
    """
    return np.clip((features - mean) / deviation, -deviations, deviations)


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
