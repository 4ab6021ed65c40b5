"""A phase of a fold that trains a network: from cached features to a checkpoint that later stages load."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import Callable, Collection, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.distributed import if_main_process
from speechbrain.utils.epoch_loop import EpochCounter, EpochCounterWithStopper

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.dataio.corpus_balance import group_weights, training_groups
from speechbrain_ext.dataio.dataset import VariantChooser, make_dataset, make_segment_dataset
from speechbrain_ext.dataio.statistics import statistics
from speechbrain_ext.features.augment import SpectrogramMask
from speechbrain_ext.features.segments import MEANS
from speechbrain_ext.hparams.training import Training, training_of
from speechbrain_ext.lobes.network import declared_network
from speechbrain_ext.lobes.normalization import FeatureNormalizer, ValueScale
from speechbrain_ext.training.adaptation import Adaptation, penalty_of
from speechbrain_ext.training.brain import EmotionBrain
from speechbrain_ext.training.brain_settings import BrainSettings
from speechbrain_ext.training.checkpoints import SafeCheckpointer
from speechbrain_ext.training.divergence import check_statistics
from speechbrain_ext.training.finished import TRAIN, FinishedPhase
from speechbrain_ext.training.methods import AS_TRAINED, METHODS, method_named
from speechbrain_ext.training.objectives import (
    DEV_SCORES,
    ClassObjective,
    CriterionObjective,
    DimensionObjective,
    Objective,
    Output,
)
from speechbrain_ext.training.phase import Phase
from speechbrain_ext.training.phase_model import PhaseModel
from speechbrain_ext.training.schedule import PiecewiseRate, scaled_epochs
from speechbrain_ext.training.view import view_of
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_checked, write_text
from speechbrain_ext.utils.seeds import seed_of

Embeddings = dict[str, dict[str, torch.Tensor]]
# Keys that only classes have.
OF_CLASSES = ("class_weights", "label_smoothing", "balanced_sampling")


class NetworkPhase(Phase):
    """A phase whose YAML node has `network:`; arguments are those of `Phase`."""

    @cached_property
    def training(self) -> Training:
        """How the phase is trained."""
        return training_of(self.built, self.name)

    @property
    def scheduled_epochs(self) -> int:
        """The paper's number of epochs, scaled where the system has a scale; the schedule of the rate ends there."""
        return scaled_epochs(self.training.epochs, self.training.schedule_scale)

    @property
    def epochs(self) -> int:
        """How many epochs the phase is trained: those fixed beforehand, else the scheduled ones."""
        return self.experiment.spec.fixed_epochs.get(self.name) or self.scheduled_epochs

    def frames(self, ids: Sequence[str], training: bool = False) -> dict[str, torch.Tensor]:
        """Frames [time, feature] of the trained phase by segment, for a later phase.

        The network is in evaluation mode: a frozen phase drops nothing and keeps its batch statistics.
        """
        return self._trained(self.trained).frames(self._dataset(sorted(ids), training=training))

    def network(self) -> torch.nn.Module:
        """The trained phase's network in evaluation mode, for a look inside."""
        module = self._trained(self.trained).plain_model.network
        assert isinstance(module, torch.nn.Module)
        return module.eval()

    def _run(self, done: FinishedPhase, ids: list[str]) -> list[Output]:
        return self._trained(done).run(self._dataset(ids))

    def _trained(self, done: FinishedPhase) -> EmotionBrain:
        name = f"save/{done.checkpoint}/model.ckpt"
        model = self._model(trained=True)
        # Hashed and loaded from the same bytes.
        data = read_checked(self.folder / name, done.files[name], TRAIN)
        model.load_state_dict(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))
        if self.method.target_statistics:
            self._fit_normalizers(model, [self.experiment.utterances[identity] for identity in self.experiment.used])
        brain = self._brain(model, None, self._settings(model))
        if self.method.target_norms:
            brain.adapt_norms(self._dataset(self.experiment.used))
        return brain

    def _dataset(
        self,
        ids: Sequence[str],
        chooser: VariantChooser | None = None,
        oversampled: Collection[str] = (),
        training: bool = False,
    ) -> DynamicItemDataset:
        chosen = self._utterances(ids, training)
        if self.segmented:
            networks = {name: cast("NetworkPhase", phase) for name, phase in self.frozen.items()}
            frames = {name: phase.frames(ids, training) for name, phase in networks.items()}
            return make_segment_dataset(chosen, self.experiment.task, self.sources, frames, oversampled, training)
        embeddings: Embeddings = {
            name: {output.id: torch.tensor(output.embedding) for output in phase.outputs(ids)}
            for name, phase in self.frozen.items()
        }
        return make_dataset(chosen, self.experiment.task, self.sources, embeddings, chooser)

    def _model(self, trained: bool = False) -> PhaseModel:
        # Drawn before anything else, so that weights depend on the seed and on nothing that ran before.
        torch.manual_seed(seed_of(self.experiment.spec.seed, self.name, "initialisation"))
        try:
            kind, options = declared_network(self.node["network"])
            network = kind.without_weights(**options) if trained else kind(**options)
        except (ValueError, TypeError) as fault:
            raise UserError(f"phase {self.name}: {' '.join(str(fault).split())}: change this hyper-parameter") from None
        extractors = {source.name: source.cache.extractor for source in self.sources}
        normalizers = {name: FeatureNormalizer(each.dim) for name, each in extractors.items() if each.normalised}
        task = self.experiment.task
        criterion = self.node["loss"]() if "loss" in self.node else None
        return PhaseModel(network, normalizers, ValueScale(task.outputs) if task.dimensions else None, criterion)

    def _fit(self, on_epoch: Callable[[int], None] | None) -> None:
        experiment, parts = self.experiment, self.experiment.fold(self.fold)
        variants = self.training.augment_waveform
        if variants and self.segmented:
            raise UserError(
                f"phase {self.name}: augment_waveform: expected none, as utterances are cut into segments of "
                f"{self.built['segment_s']} s, found {variants}: leave it out"
            )
        chooser = (
            VariantChooser(variants, self.training.augment_clean_share, experiment.spec.seed) if variants else None
        )
        train = self._dataset(sorted(parts.train), chooser, self._oversampled(parts.train), training=True)
        developed = {"last": parts.dev, "dev": parts.dev, "test": parts.test}[experiment.selection]
        dev = self._dataset(sorted(developed)) if developed else None
        model = self._model()
        self._fit_statistics(model, [experiment.utterances[identity] for identity in sorted(parts.train)])
        settings = self._settings(model, train, chooser, on_epoch, self._adaptation(model))
        checkpointer = SafeCheckpointer(self.folder / "save")
        checkpointer.sweep()
        counter = self._counter(dev is not None)
        checkpointer.add_recoverables({"model": model, "counter": counter, "history": settings.history})
        brain = self._brain(model, checkpointer, settings)
        brain.fit(counter, train, dev)
        if if_main_process():
            self._finish(brain, checkpointer)

    def _adaptation(self, model: PhaseModel) -> Adaptation | None:
        """Unlabelled utterances of the target that the phase is trained on too, where its method asks for them."""
        target, seed = self.experiment.target, seed_of(self.experiment.spec.seed, self.name, "adaptation")
        if target is None:
            return None
        method = method_named(self.experiment.spec.method)
        view = view_of(self.experiment, target)
        elsewhere = cast("NetworkPhase", self.elsewhere(view, METHODS[AS_TRAINED]))
        items = elsewhere._dataset(view.used, training=True)
        return Adaptation(items, penalty_of(method, model, items, seed), seed)

    def _fit_statistics(self, model: PhaseModel, utterances: Sequence[Utterance]) -> None:
        """Fit normalisation, units of the values, and what the network itself fits, to the training set."""
        self._fit_normalizers(model, utterances)
        sources = {source.name: source for source in self.sources}
        if model.scale is not None:
            values = np.array([self.experiment.task.values_of(utterance) for utterance in utterances])
            model.scale.set(*map(torch.from_numpy, statistics([values])))
        model.network.fit_statistics(lambda name: map(sources[name].frames, utterances))

    def _fit_normalizers(self, model: PhaseModel, utterances: Sequence[Utterance]) -> None:
        """Standardise features with the mean and deviation of utterances."""
        sources = {source.name: source for source in self.sources}
        for name, normalizer in model.normalizers.items():
            mean, deviation = statistics(map(sources[name].frames, utterances))
            check_statistics(self.name, name, mean, deviation)
            cast("FeatureNormalizer", normalizer).set(torch.from_numpy(mean), torch.from_numpy(deviation))

    def _oversampled(self, ids: Sequence[str]) -> set[str]:
        """Ids of the training utterances that stand twice in the data: those of `oversample_classes`."""
        classes, task = self.built.get("oversample_classes") or [], self.experiment.task
        for name in classes:
            if name not in task.classes:
                raise UserError(
                    f"oversample_classes: {name}: expected some of {', '.join(task.classes)}: change this key"
                )
        return {item.id for item in self._utterances(sorted(ids), training=True) if task.label_of(item) in classes}

    def _counter(self, has_dev: bool) -> EpochCounter:
        """Counts epochs; stops early where the system says so and there is a development set."""
        epochs, patience = self.epochs, self.training.early_stopping_epochs if has_dev else 0
        return EpochCounterWithStopper(epochs, patience, 0, "max") if patience else EpochCounter(epochs)

    def _settings(
        self,
        model: PhaseModel,
        train: DynamicItemDataset | None = None,
        chooser: VariantChooser | None = None,
        on_epoch: Callable[[int], None] | None = None,
        adaptation: Adaptation | None = None,
    ) -> BrainSettings:
        training = self.training
        mask, scheduler = training.spec_augment, training.scheduler
        if isinstance(scheduler, PiecewiseRate):
            scheduler.epochs = self.scheduled_epochs
        return BrainSettings(
            seed=seed_of(self.experiment.spec.seed, self.name) % 2**31,
            batch_size=training.batch_size,
            objective=self._objective(model, train),
            phase_name=self.name,
            scheduler=scheduler,
            balanced_sampling=training.balanced_sampling,
            corpus_balance=self.corpus_balance,
            augment=SpectrogramMask(**mask) if mask else None,
            chooser=chooser,
            checkpoint_epochs=training.checkpoint_epochs,
            keep_best=self.experiment.selection != "last",
            segments=self.segmented,
            mean_of=self.built.get("utterance", MEANS[0]),
            criterion_lr=self.node.get("loss_lr"),
            on_epoch=on_epoch,
            adaptation=adaptation,
        )

    def _brain(self, model: PhaseModel, checkpointer: SafeCheckpointer | None, settings: BrainSettings) -> EmotionBrain:
        spec, training = self.experiment.spec, self.training
        optimizer = getattr(torch.optim, training.optimizer)
        run_options = {
            "device": spec.device,
            "precision": spec.precision,
            "max_grad_norm": float(training.max_grad_norm),
            "noprogressbar": True,
            "compile": spec.compile,
        }
        scheduler = settings.scheduler
        if scheduler is not None and checkpointer is not None and not isinstance(scheduler, PiecewiseRate):
            checkpointer.add_recoverable("scheduler", scheduler)
        options = {"lr": training.lr, "weight_decay": training.weight_decay, **(training.optimizer_options or {})}
        return EmotionBrain({"model": model}, partial(optimizer, **options), settings, run_options, checkpointer)

    def _objective(self, model: PhaseModel, train: DynamicItemDataset | None) -> Objective:
        training = self.training
        if model.scale is None:
            weights = self._class_weights(train) if train and training.class_weights else None
            if model.criterion is None:
                return ClassObjective(weights, training.label_smoothing)
            if weights is not None:
                raise UserError(f"phase {self.name}: class_weights: expected False, as its loss weighs no classes")
            return CriterionObjective(model.criterion, training.label_smoothing)
        if model.criterion is not None or not model.network.trains_on_dimensions:
            raise UserError(
                f"phase {self.name}: dimensions: expected none, as its loss is of classes: leave dimensions out"
            )
        for key in OF_CLASSES:
            if value := getattr(training, key):
                raise UserError(
                    f"phase {self.name}: {key}: expected it off, as dimensions have no classes, found {value}: "
                    f"switch it off with: -- --{key} {type(value)()}"
                )
        return DimensionObjective(model.scale)

    def _class_weights(self, train: DynamicItemDataset) -> torch.Tensor:
        """Inverse frequencies of the classes, counted as they are drawn where corpora are balanced."""
        entries = train.data.values()
        targets = torch.tensor([entry["target"] for entry in entries])
        groups = training_groups([entry["corpus"] for entry in entries], targets.tolist(), self.corpus_balance)
        draws = torch.from_numpy(group_weights(groups)) if len(set(groups)) > 1 else None
        counts = torch.bincount(targets, draws, minlength=len(self.experiment.classes)).clamp(min=1)  # [class]
        return (len(targets) / (len(counts) * counts)).float().to(self.experiment.spec.device)

    def _finish(self, brain: EmotionBrain, checkpointer: SafeCheckpointer) -> None:
        history = brain.hparams.history
        chosen = checkpointer.find_checkpoint(max_key="rank")
        epoch = chosen.meta["epoch"]
        of_epoch = next((row for row in history.rows if row["epoch"] == epoch), {})
        write_text(
            self.folder / f"train_log-{self.name}.jsonl", "".join(json.dumps(row) + "\n" for row in history.rows)
        )
        checkpoint, parameters = Path(chosen.path).name, list(brain.plain_model.parameters())
        finished = FinishedPhase(
            phase=self.name,
            checkpoint=checkpoint,
            epochs=len(history.rows),
            selected_epoch=epoch,
            optimizer_steps=brain.optimizer_step,
            parameters=sum(p.numel() for p in parameters if p.requires_grad),
            parameters_total=sum(p.numel() for p in parameters),
            train_seconds=round(sum(row["seconds"] for row in history.rows), 2),
            peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            dev_scores={key: of_epoch[key] for key in DEV_SCORES if key in of_epoch},
            last_dev_scores={key: history.rows[-1][key] for key in DEV_SCORES if key in history.rows[-1]},
        )
        self._write_done(f"save/{checkpoint}/model.ckpt", finished)
