"""Linear support vector regression, fitted at once to one row of features per utterance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speechbrain_ext.dataio.statistics import statistics
from speechbrain_ext.training.linear_machine import Fitted, LinearMachine
from speechbrain_ext.training.objectives import mean_concordance
from speechbrain_ext.utils.json_values import JsonObject


class LinearSVR(LinearMachine):
    """Linear support vector regression, one for each dimension; one C for all is chosen by mean CCC.

    Values are standardised too.

    Arguments
    ---------
    c_grid, inner_folds, clip_deviations
        As in `LinearSVM`.
    epsilon : float
        Errors below this many deviations of a value cost nothing: scikit-learn's own 0.1.

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

    warnings = ("class_weight has no effect: a regression has no classes",)
    arrays = (*LinearMachine.arrays, "value_mean", "value_deviation")

    def __init__(
        self, c_grid: Sequence[float], inner_folds: int = 4, clip_deviations: float = 10.0, epsilon: float = 0.1
    ) -> None:
        super().__init__(c_grid, inner_folds, clip_deviations)
        self.epsilon = epsilon

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Standardised predictions [utterance, dimension]."""
        return self._margins(features)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions in the units of the values [utterance, dimension]."""
        return self.scores(features) * self.model["value_deviation"] + self.model["value_mean"]

    def training_scores(self, features: np.ndarray, targets: np.ndarray) -> JsonObject:
        """Scores of the choice of C, and mean CCC on the training set, for the log."""
        inner: JsonObject = {str(c): score for c, score in self.inner_scores.items()}
        return {"inner_ccc": inner, "train_ccc": mean_concordance(targets, self.predict(features))}

    @property
    def balances_classes(self) -> bool:
        """A regression has no classes."""
        return False

    def _fit(self, kernel: str, c: float, rows: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> Fitted:
        from sklearn.svm import SVR

        mean, deviation = statistics([targets])
        standardised = (targets - mean) / deviation  # [utterance, dimension]
        machines = [
            SVR(C=c, kernel=kernel, epsilon=self.epsilon).fit(rows, target, weights) for target in standardised.T
        ]
        return Fitted(machines, {"value_mean": mean, "value_deviation": deviation})

    def _arrays(self, fitted: Fitted) -> dict[str, np.ndarray]:
        return {
            **fitted.units,
            "coefficients": np.concatenate([svr.coef_ for svr in fitted.machines]),  # [dimension, feature]
            "intercepts": np.concatenate([svr.intercept_ for svr in fitted.machines]),  # [dimension]
        }

    def _score(self, fitted: Fitted, cross: np.ndarray, truth: np.ndarray) -> float:
        found = np.transpose([svr.predict(cross) for svr in fitted.machines])  # [held out, dimension]
        return mean_concordance((truth - fitted.units["value_mean"]) / fitted.units["value_deviation"], found)
