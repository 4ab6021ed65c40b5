"""A phase of a fold that trains no network: a classifier is fitted at once to one row per utterance."""

from __future__ import annotations

import io
import json
import resource
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from speechbrain.utils.distributed import if_main_process

from speechbrain_ext.corpora.joint import corpora_of
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.dataio.corpus_balance import NONE, training_groups
from speechbrain_ext.dataio.dataset import FeatureSource
from speechbrain_ext.dataio.statistics import statistics
from speechbrain_ext.training.finished import TRAIN, FinishedPhase
from speechbrain_ext.training.methods import AS_TRAINED, CORAL, METHODS
from speechbrain_ext.training.objectives import Output
from speechbrain_ext.training.phase import Phase
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.training.view import view_of
from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_checked, replacing, write_text
from speechbrain_ext.utils.json_values import JsonObject

RETRY = "make the features again (remove their folder in the cache, ./run.sh --stage 1), then --stage 2 --force"


class Classifier(Protocol):
    """What a classifier that is no network must offer; `speechbrain_ext.training.svm.LinearSVM` does.

    Attributes
    ----------
    warnings : tuple of str
        Notes for the results.
    class_options : tuple of str
        Options that only classes have.
    model : dict
        Arrays by name: all that is saved.
    c : float
        The chosen regularisation.
    parameters : int
        Number of trained parameters.
    balances_classes : bool
        Whether each class weighs the same.
    """

    warnings: ClassVar[tuple[str, ...]]
    class_options: ClassVar[tuple[str, ...]]
    model: dict[str, np.ndarray]
    c: float
    parameters: int
    balances_classes: bool

    def fit(
        self, features: np.ndarray, targets: np.ndarray, speakers: Sequence[str], groups: Sequence[int] | None = None
    ) -> Classifier:
        """Fit to features [utterance, feature], and to class indices or values [utterance, dimension].

        Of `groups`, where there are any, each weighs the same.
        """

    def fit_aligned(
        self,
        features: np.ndarray,
        targets: np.ndarray,
        speakers: Sequence[str],
        others: np.ndarray,
        groups: Sequence[int] | None = None,
    ) -> Classifier:
        """Fit to features that are given the covariance of unlabelled ones of another corpus, [utterance, feature]."""

    def load(self, model: Mapping[str, np.ndarray]) -> Classifier:
        """Take over the arrays of a fitted one."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Log-posteriors [utterance, class], or values [utterance, dimension]."""

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Embedding of each utterance, [utterance, class or dimension]."""

    def training_scores(self, features: np.ndarray, targets: np.ndarray) -> JsonObject:
        """Scores on the training set by name, for the log."""

    @classmethod
    def for_dimensions(cls, **options: Any) -> Classifier:
        """The regressor for values of dimensions that takes the classifier's place, from the same options.

        Raises
        ------
        UserError
            There is none.
        """


class ClassifierPhase(Phase):
    """A phase whose YAML node has `classifier:` in place of `network:`.

    It is fitted to the training set alone, also when there is a development set. The embedding of an utterance is
    its scores. Arguments are those of `Phase`.
    """

    def _fit(self, on_epoch: Callable[[int], None] | None) -> None:
        if not if_main_process():
            return
        if self.experiment.selection == "test":
            raise UserError(f"--selection test: phase {self.name} has no epochs to choose from: leave the option out")
        self._check_task()
        started = time.monotonic()
        utterances = self.experiment.utterances
        ids = sorted(self.experiment.fold(self.fold).train)
        rows, targets = self._rows(ids), np.array(self._targets(ids, training=True))
        self._check_finite(rows, ids, "features")
        classifier = self._classifier()
        speakers = [utterances[identity].speaker for identity in ids]
        target, groups = self.experiment.target, self._groups(ids, targets, classifier)
        if target is not None and self.experiment.spec.method == CORAL:
            classifier.fit_aligned(rows, targets, speakers, self._target_features(target), groups)
        else:
            classifier.fit(rows, targets, speakers, groups)
        self._check_finite(classifier.scores(rows), ids, "scores")
        for name, values in classifier.model.items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise UserError(f"phase {self.name}: {name} of the classifier are not finite: {RETRY}")
        seconds = round(time.monotonic() - started, 4)
        row = {"epoch": 1, "phase_name": self.name, "c": classifier.c}
        if self.experiment.spec.method != CORAL:
            # Aligned, it recognises the target's utterances and not those that it was trained on.
            row |= classifier.training_scores(rows, targets)
        task = self.experiment.task
        names = {"dimension_names": task.dimensions} if task.dimensions else {"class_names": self.experiment.classes}
        with replacing(self.folder / self._model_name, "wb") as stream:
            arrays: Any = {**{key: np.array(value) for key, value in names.items()}, **classifier.model}
            np.savez(stream, **arrays)
        write_text(self.folder / f"train_log-{self.name}.jsonl", json.dumps({**row, "seconds": seconds}) + "\n")
        finished = FinishedPhase(
            phase=self.name,
            checkpoint=self._model_name,
            epochs=1,
            selected_epoch=1,
            optimizer_steps=0,
            parameters=classifier.parameters,
            parameters_total=classifier.parameters,
            train_seconds=round(seconds, 2),
            peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            warnings=classifier.warnings,
        )
        self._write_done(self._model_name, finished)
        if on_epoch is not None:
            on_epoch(1)

    def _check_finite(self, rows: np.ndarray, ids: Sequence[str], what: str) -> None:
        good = np.isfinite(rows).all(axis=1)  # [utterance]
        if not good.all():
            utterance = ids[int(np.flatnonzero(~good)[0])]
            raise UserError(f"phase {self.name}: the {what} of utterance {utterance} are not finite: {RETRY}")

    def _run(self, done: FinishedPhase, ids: list[str]) -> list[Output]:
        rows, targets = self._rows(ids), self._targets(ids)
        model = self._load(done)
        if self.method.target_statistics:
            mean, deviation = statistics([self._rows(self.experiment.used)])
            model = {**model, "mean": mean, "deviation": deviation}
        classifier = self._classifier().load(model)
        self._check_finite(classifier.scores(rows), ids, "scores")
        scores = classifier.scores(rows).tolist()  # [utterance, class or dimension]
        predicted = classifier.predict(rows).tolist()  # [utterance, class or dimension]
        return [
            Output(identity, truth, tuple(row), tuple(embedding))
            for identity, truth, row, embedding in zip(ids, targets, predicted, scores, strict=True)
        ]

    def _check_task(self) -> None:
        task = self.experiment.task
        if not task.dimensions and (task.soft_target != "majority" or task.train_utterances != "clear"):
            raise UserError(
                f"phase {self.name} learns one class for each utterance: "
                "expected soft_target majority and train_utterances clear, "
                f"found {task.soft_target} and {task.train_utterances}: leave them out"
            )

    def _classifier(self) -> Classifier:
        """The YAML's classifier, or its regressor where dimensions are predicted."""
        make = self.node["classifier"]
        if not self.experiment.task.dimensions:
            return make()
        kind, options = declared(make)
        for key in kind.class_options:
            if (asked := self.experiment.hp.overrides.get(key)) is not None:
                raise UserError(
                    f"phase {self.name}: {key}: expected none, as dimensions have no classes, found {asked}: "
                    "leave it out"
                )
        return kind.for_dimensions(**options)

    @property
    def _model_name(self) -> str:
        return f"model-{self.name}.npz"

    def _load(self, done: FinishedPhase) -> dict[str, np.ndarray]:
        path = self.folder / done.checkpoint
        data = read_checked(path, done.files[done.checkpoint], TRAIN)
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                return dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as fault:
            raise UserError(
                f"{path}: expected the arrays of a trained classifier, found {type(fault).__name__}: "
                "train it again with: ./run.sh --stage 2 --force"
            ) from None

    def _targets(self, ids: Sequence[str], training: bool = False) -> Sequence[int | tuple[float, ...]]:
        task, utterances = self.experiment.task, self._utterances(ids, training)
        if task.dimensions:
            return [tuple(task.values_of(utterance) or ()) for utterance in utterances]
        return [task.classes.index(task.label_of(utterance)) for utterance in utterances]

    def _rows(self, ids: Sequence[str]) -> np.ndarray:
        """One row [feature] an utterance: its features and the embeddings of frozen phases side by side."""
        parts = [self._features([self.experiment.utterances[identity] for identity in ids])] if self.sources else []
        for phase in self.frozen.values():
            vectors = {output.id: output.embedding for output in phase.outputs(ids)}
            parts.append(np.array([vectors[identity] for identity in ids]))
        return np.concatenate(parts, axis=1).astype(np.float64)  # [utterance, feature]

    def _features(self, utterances: Sequence[Utterance]) -> np.ndarray:
        """Cached features of utterances side by side, [utterance, feature]."""
        parts = [np.stack([self._row(source, utterance) for utterance in utterances]) for source in self.sources]
        return np.concatenate(parts, axis=1).astype(np.float64)  # [utterance, feature]

    def _target_features(self, target: TargetCorpus) -> np.ndarray:
        """Features of the corpus that is adapted to, as they are where it is scored: [utterance, feature]."""
        elsewhere = self.elsewhere(view_of(self.experiment, target), METHODS[AS_TRAINED])
        assert isinstance(elsewhere, ClassifierPhase)
        return elsewhere._features(list(target.utterances.values()))

    def _groups(self, ids: Sequence[str], targets: np.ndarray, classifier: Classifier) -> list[int] | None:
        """Groups of training utterances that weigh the same, where several corpora are trained on and balanced."""
        corpora, balance = corpora_of([self.experiment.utterances[identity] for identity in ids]), self.corpus_balance
        if balance == NONE or len(set(corpora)) < 2:
            return None
        classes = np.zeros(len(ids), dtype=int) if self.experiment.task.dimensions else targets
        return training_groups(corpora, classes, balance, classifier.balances_classes)

    def _row(self, source: FeatureSource, utterance: Utterance) -> np.ndarray:
        frames = source.frames(utterance)  # [1, feature]
        if len(frames) != 1:
            found = f"{len(frames)} for {utterance.id}"
            raise UserError(
                f"phase {self.name}: feature {source.name}: expected one row per utterance, found {found}: name a "
                "feature with one row per utterance, such as speechbrain_ext.features.functionals"
            )
        return frames[0]
