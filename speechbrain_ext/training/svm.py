"""Linear support vector machines: classifiers fitted at once to one row of features per utterance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import log_softmax

from speechbrain_ext.metrics.calibration import NOT_CALIBRATED
from speechbrain_ext.metrics.classes import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.training.linear_machine import Fitted, LinearMachine
from speechbrain_ext.training.svr import LinearSVR
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject


class LinearSVM(LinearMachine):
    """Linear support vector machines, one for each two classes; C is chosen by mean UAR.

    Posteriors are a softmax over the classes' votes and bounded confidences, scikit-learn's decision function for
    one against one: the greatest is scikit-learn's own prediction, and their values are NOT calibrated.

    Arguments
    ---------
    n_classes : int
        A class without training utterances is never predicted.
    c_grid, inner_folds, clip_deviations
        Values of C to choose from, folds of the choice, deviations that standardised features are cut to.
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
    >>> svm.predict(rows).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """

    warnings = (NOT_CALIBRATED,)
    arrays = (*LinearMachine.arrays, "classes")
    class_options = ("class_weight",)

    def __init__(
        self,
        n_classes: int,
        c_grid: Sequence[float],
        inner_folds: int = 4,
        clip_deviations: float = 10.0,
        class_weight: str | None = "balanced",
    ) -> None:
        super().__init__(c_grid, inner_folds, clip_deviations)
        self.n_classes, self.class_weight = n_classes, class_weight
        if class_weight not in ("balanced", None):
            raise UserError(f"class_weight: expected balanced or null, found {class_weight!r}")

    @classmethod
    def for_dimensions(cls, n_classes: int, class_weight: str | None = None, **options: Any) -> LinearSVR:
        """The regressor with the same options; a regression has no classes."""
        return LinearSVR(**options)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Votes and bounded confidences [utterance, class]; minus infinity for a class that was not trained.

        Source
        ------
        scikit-learn's `SVC.decision_function` with `decision_function_shape="ovr"`.
        """
        margins, classes = self._margins(features), self.model["classes"]  # [utterance, pair], [trained class]
        votes, confidence = np.zeros((2, len(margins), len(classes)))  # [utterance, trained class] each
        for pair, (first, second) in enumerate(combinations(range(len(classes)), 2)):
            votes[:, first] += margins[:, pair] >= 0
            votes[:, second] += margins[:, pair] < 0
            confidence[:, first] += margins[:, pair]
            confidence[:, second] -= margins[:, pair]
        scores = np.full((len(margins), self.n_classes), -np.inf)
        scores[:, classes] = votes + confidence / (3 * (np.abs(confidence) + 1))  # [utterance, class]
        return scores

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Log-posteriors [utterance, class], a softmax of the scores: not calibrated."""
        return log_softmax(self.scores(features), axis=1)

    def training_scores(self, features: np.ndarray, targets: np.ndarray) -> JsonObject:
        """Scores of the choice of C, and WA and UAR on the training set, for the log."""
        found = self.predict(features).argmax(axis=1)  # [utterance]
        return {
            "inner_uar": {str(c): score for c, score in self.inner_scores.items()},
            "train_wa": weighted_accuracy(targets, found),
            "train_uar": unweighted_average_recall(targets, found),
        }

    @property
    def balances_classes(self) -> bool:
        """Whether each class weighs the same."""
        return self.class_weight is not None

    def _fit(self, kernel: str, c: float, rows: np.ndarray, targets: np.ndarray, weights: np.ndarray | None) -> Fitted:
        from sklearn.svm import SVC

        if len(np.unique(targets)) < 2:
            raise UserError(f"expected utterances of two classes or more to train on, found {len(np.unique(targets))}")
        # Weights of groups take the place of those of classes.
        class_weight = self.class_weight if weights is None else None
        svc = SVC(C=c, kernel=kernel, class_weight=class_weight, break_ties=True)
        return Fitted([svc.fit(rows, targets, weights)])

    def _arrays(self, fitted: Fitted) -> dict[str, np.ndarray]:
        (svc,) = fitted.machines
        # Of two classes only, scikit-learn turns the sign: positive there means the second one.
        sign = -1.0 if len(svc.classes_) == 2 else 1.0
        return {
            "coefficients": sign * svc.coef_,  # [pair of classes, feature]
            "intercepts": sign * svc.intercept_,  # [pair of classes]
            "classes": np.asarray(svc.classes_, dtype=np.int64),
        }

    def _score(self, fitted: Fitted, cross: np.ndarray, truth: np.ndarray) -> float:
        return unweighted_average_recall(truth, fitted.machines[0].predict(cross))
