"""Regressors that are no networks: fitted at once to one row of features per utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from speechbrain_ext.dataio.statistics import statistics
from speechbrain_ext.metrics.values import concordance
from speechbrain_ext.training.svm import checked_c_grid, clipped, speaker_folds
from speechbrain_ext.utils.errors import UserError

if TYPE_CHECKING:
    from sklearn.svm import SVR


class LinearSVR:
    """Linear support vector regression, one for each dimension, on standardised and clipped features.

    Values are standardised too. One C for all dimensions is chosen by
    cross-validation inside the training part: folds share no speaker, the score
    is the mean CCC over folds and dimensions, among equals the smallest C wins.
    Nothing is drawn at random and sums run in one thread, so two fits on one
    machine are the same.

    Arguments
    ---------
    c_grid : sequence of float
        Values of C to choose from; with one value nothing is chosen.
    inner_folds : int
        Folds of the choice of C; fewer where there are fewer speakers.
    clip_deviations : float
        Standardised features are cut to this many deviations on either side.
    epsilon : float
        Errors below this many deviations of a value cost nothing: scikit-learn's own 0.1.

    Raises
    ------
    UserError
        A value that fits none of these descriptions.

    Source
    ------
    Drucker et al., NIPS 1996; scikit-learn's SVR (libsvm).

    Example
    -------
    >>> rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> svr = LinearSVR(c_grid=[1.0]).fit(rows, rows + 1, ["03", "08", "03", "08"])
    >>> svr.predict(np.array([[1.5]])).round(3).tolist()
    [[2.5]]
    """

    warnings = ("class_weight plays no part: a regression has no classes",)

    def __init__(
        self,
        c_grid: Sequence[float],
        inner_folds: int = 4,
        clip_deviations: float = 10.0,
        epsilon: float = 0.1,
    ) -> None:
        self.c_grid, self.inner_folds, self.clip_deviations = checked_c_grid(c_grid), inner_folds, clip_deviations
        self.epsilon = epsilon
        if inner_folds < 2:
            raise UserError(f"inner_folds: expected 2 or more, found {inner_folds}: try 4")
        if not clip_deviations > 0:
            raise UserError(f"clip_deviations: expected a value above 0, found {clip_deviations}: try 10.0")
        self.model: dict[str, np.ndarray] = {}
        self.inner_ccc: dict[float, float] = {}

    def fit(self, features: np.ndarray, values: np.ndarray, speakers: Sequence[str]) -> LinearSVR:
        """Choose C and fit on all of the training part.

        Arguments
        ---------
        features : np.ndarray
            [utterance, feature].
        values : np.ndarray
            [utterance, dimension].
        speakers : sequence of str
            Who speaks each utterance.

        Raises
        ------
        UserError
            Fewer than two speakers where C is to be chosen.
        """
        from threadpoolctl import threadpool_limits

        features, values = np.asarray(features, dtype=np.float64), np.asarray(values, dtype=np.float64)
        with threadpool_limits(1):
            c = self._choose(features, values, speakers) if len(self.c_grid) > 1 else self.c_grid[0]
            mean, deviation = statistics([features])
            value_mean, value_deviation = statistics([values])
            rows = clipped(features, mean, deviation, self.clip_deviations)  # [utterance, feature]
            targets = (values - value_mean) / value_deviation  # [utterance, dimension]
            fitted = [self._svr("linear", c).fit(rows, target) for target in targets.T]
        self.model = {
            "mean": mean,
            "deviation": deviation,
            "value_mean": value_mean,
            "value_deviation": value_deviation,
            "coefficients": np.concatenate([svr.coef_ for svr in fitted]),  # [dimension, feature]
            "intercepts": np.concatenate([svr.intercept_ for svr in fitted]),  # [dimension]
            "C": np.float64(c),
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

    def load(self, model: Mapping[str, np.ndarray]) -> LinearSVR:
        """Take over what `model` of a fitted one holds."""
        names = ("mean", "deviation", "value_mean", "value_deviation", "coefficients", "intercepts", "C")
        self.model = {name: np.asarray(model[name]) for name in names}
        return self

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Standardised predictions [utterance, dimension]."""
        model = self.model
        rows = np.asarray(features, dtype=np.float64)
        rows = clipped(rows, model["mean"], model["deviation"], self.clip_deviations)  # [utterance, feature]
        # Row by row, as a product of matrices may round a row otherwise beside other rows.
        products = [model["coefficients"] @ row for row in rows]
        return np.reshape(products, (len(rows), -1)) + model["intercepts"]  # [utterance, dimension]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions in the units of the values [utterance, dimension]."""
        return self.scores(features) * self.model["value_deviation"] + self.model["value_mean"]

    def _svr(self, kernel: str, c: float) -> SVR:
        from sklearn.svm import SVR

        return SVR(C=c, kernel=kernel, epsilon=self.epsilon)

    def _choose(self, features: np.ndarray, values: np.ndarray, speakers: Sequence[str]) -> float:
        scores = np.zeros(len(self.c_grid))
        folds = speaker_folds(speakers, self.inner_folds)
        for held_out in folds:
            trained = np.setdiff1d(np.arange(len(values)), held_out)
            mean, deviation = statistics([features[trained]])
            rows = clipped(features[trained], mean, deviation, self.clip_deviations)  # [utterance, feature]
            tested = clipped(features[held_out], mean, deviation, self.clip_deviations)  # [utterance, feature]
            value_mean, value_deviation = statistics([values[trained]])
            targets, truth = ((part - value_mean) / value_deviation for part in (values[trained], values[held_out]))
            # One product serves all values of C: with thousands of features it is what costs.
            gram, cross = rows @ rows.T, tested @ rows.T  # [trained, trained], [held out, trained]
            for place, c in enumerate(self.c_grid):
                found = [self._svr("precomputed", c).fit(gram, target).predict(cross) for target in targets.T]
                scores[place] += np.mean([concordance(*pair) for pair in zip(truth.T, found, strict=True)])
        scores /= len(folds)
        self.inner_ccc = {c: float(score) for c, score in zip(self.c_grid, scores, strict=True)}
        return self.c_grid[int(np.argmax(scores))]
