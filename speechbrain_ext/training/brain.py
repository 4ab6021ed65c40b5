"""EmotionBrain: trains one phase of any system. It knows no corpus and no network by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import speechbrain as sb
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.nnet.schedulers import NewBobScheduler, ReduceLROnPlateau, update_learning_rate
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.distributed import is_distributed_initialized
from speechbrain.utils.epoch_loop import EpochCounter, EpochCounterWithStopper
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from speechbrain_ext.dataio.collate import Batch, add_unlabelled, collate
from speechbrain_ext.dataio.corpus_balance import training_groups
from speechbrain_ext.dataio.samplers import ShardSampler, training_sampler
from speechbrain_ext.training.adaptation import split
from speechbrain_ext.training.brain_settings import BrainSettings, read_settings
from speechbrain_ext.training.divergence import FiniteGuard
from speechbrain_ext.training.domain_schedule import progress_of
from speechbrain_ext.training.norm_statistics import adapt_norms, batches_of_one_length
from speechbrain_ext.training.objectives import Frames, Output, merge_segments, with_vectors
from speechbrain_ext.training.phase_model import PhaseModel
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.seeds import seed_of


class EmotionBrain(sb.Brain):
    """Trains a phase of a system, and runs it.

    Arguments
    ---------
    modules : mapping
        `{"model": PhaseModel(...)}`; the penalty of an adaptation is trained with it where it has parameters.
    opt_class, run_opts
        As in `speechbrain.Brain`.
    hparams : BrainSettings or mapping
        The settings, or their values by name.
    checkpointer : speechbrain.utils.checkpoints.Checkpointer or None
        Without one, nothing is saved.

    Raises
    ------
    UserError
        A setting is missing, unknown or wrong, or there is no such model.

    Example
    -------
    >>> from speechbrain.utils.epoch_loop import EpochCounter
    >>> from speechbrain_ext.lobes.amsnet import FRLM
    >>> model = PhaseModel(FRLM(input_size=3, hidden_size=4, n_classes=2), {})
    >>> brain = EmotionBrain({"model": model}, torch.optim.Adam, {"seed": 1, "batch_size": 2})
    >>> features = {"lld": torch.rand(2, 5, 3)}
    >>> brain.modules.model(features, {"lld": torch.tensor([5, 4])})["logits"].shape
    torch.Size([2, 2])
    """

    train_sampler: Any
    train_steps: int

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        opt_class: Callable[..., torch.optim.Optimizer] | None = None,
        hparams: BrainSettings | Mapping[str, Any] | None = None,
        run_opts: Mapping[str, Any] | None = None,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        model = (modules or {}).get("model")
        if not isinstance(model, PhaseModel):
            raise UserError(
                f'EmotionBrain: modules: expected {{"model": PhaseModel(network, ...)}}, found {model!r:.80}'
            )
        settings = read_settings(hparams or {})
        penalty = None if settings.adaptation is None else settings.adaptation.penalty
        if penalty is not None and list(penalty.parameters()):
            modules = {**modules, "penalty": penalty}
            if checkpointer is not None:
                checkpointer.add_recoverable("penalty", penalty)
        super().__init__(modules, opt_class, None, run_opts, checkpointer)
        self.hparams = settings
        if settings.adaptation is not None and self.distributed_launch:
            raise UserError("adaptation: expected one process, found several: train with --nproc 1")
        self.epoch_counter = EpochCounter(0)
        self.has_dev = False

    def fit(
        self,
        epoch_counter: EpochCounter,
        train_set: DynamicItemDataset,
        valid_set: DynamicItemDataset | None = None,
        progressbar: bool | None = None,
        train_loader_kwargs: Mapping[str, Any] | None = None,
        valid_loader_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Train; arguments are those of `speechbrain.Brain.fit`.

        Raises
        ------
        UserError
            The counter is not SpeechBrain's, or the best epoch is to be kept and there is no development set.
        """
        if not isinstance(epoch_counter, EpochCounter):
            found = type(epoch_counter).__name__
            raise UserError(f"fit: epoch_counter: expected an EpochCounter of SpeechBrain, found {found}")
        if self.hparams.keep_best and valid_set is None:
            raise UserError("fit: valid_set: expected a development set, as keep_best is True, found none")
        self.epoch_counter, self.has_dev = epoch_counter, valid_set is not None
        loaders = train_loader_kwargs or {}, valid_loader_kwargs or {}
        super().fit(epoch_counter, train_set, valid_set, progressbar, *loaders)

    def compute_forward(self, batch: Batch, stage: sb.Stage) -> dict[str, torch.Tensor]:
        """Run the model on a batch."""
        batch = batch.to(self.device)
        training = stage == sb.Stage.TRAIN
        model = self.modules.model if training else self.plain_model
        if training and self.hparams.adaptation is not None:
            before = ((self.epoch_counter.current - 1) * self.train_steps + self.step - 1) * self.hparams.batch_size
            batch = add_unlabelled(batch, self.hparams.adaptation.batch(before, len(batch.ids)).to(self.device))
            self.guard.batch = batch
        return model(batch.features, batch.lengths, self.hparams.augment if training else None)

    def compute_objectives(self, predictions: dict[str, torch.Tensor], batch: Batch, stage: sb.Stage) -> torch.Tensor:
        """The objective's loss; outputs are kept when evaluating."""
        objective, adaptation = self.hparams.objective, self.hparams.adaptation
        if stage == sb.Stage.TRAIN:
            if adaptation is None:
                return objective.loss(predictions, batch)
            source, target = split(predictions, len(batch.ids))
            penalty = adaptation.penalty(source, target, self.progress)
            self.penalties.append(penalty.item())
            return objective.loss(source, batch) + penalty
        self.guard.check_outputs(predictions, batch)
        outputs, loss = objective.measure(predictions, batch)
        # Of a development set only the scores are used.
        names = self.plain_model.network.vectors if stage == sb.Stage.TEST else ()
        self.outputs += with_vectors(outputs, predictions, names)
        return loss

    @property
    def progress(self) -> float:
        """Share of all optimiser steps that are done before this one, 0 to 1."""
        counter = self.epoch_counter
        return progress_of(counter.current, self.step, counter.limit, self.train_steps)

    @cached_property
    def guard(self) -> FiniteGuard:
        """Stops the training at the first value that is not finite."""
        return FiniteGuard(self.hparams.phase_name)

    def check_loss_isfinite(self, loss: torch.Tensor) -> None:
        """Stop at the first loss that is not finite: SpeechBrain would take three more steps."""
        self.guard.check_loss(loss)

    def init_optimizers(self) -> None:
        """One optimiser, and a second one for the parameters of the loss where `criterion_lr` is a number."""
        rate, criterion = self.hparams.criterion_lr, self.plain_model.criterion
        own = [] if criterion is None else list(criterion.parameters())
        if rate is None or not own or self.opt_class is None:
            super().init_optimizers()
            return
        apart = {id(parameter) for parameter in own}
        self.optimizer = self.opt_class([each for each in self.modules.parameters() if id(each) not in apart])
        self.criterion_optimizer = torch.optim.SGD(own, lr=rate)
        self.optimizers_dict = {"opt_class": self.optimizer, "criterion": self.criterion_optimizer}
        if self.checkpointer is not None:
            self.checkpointer.add_recoverables(
                {"optimizer": self.optimizer, "criterion_optimizer": self.criterion_optimizer}
            )

    @property
    def plain_model(self) -> PhaseModel:
        """The model without DDP, whose forward is a collective call that ranks without a batch would miss."""
        model = self.modules.model
        return model.module if isinstance(model, DistributedDataParallel) else model

    def run(self, dataset: DynamicItemDataset) -> list[Output]:
        """Outputs for every utterance of a dataset, sorted by id, the same on all ranks."""
        loader = self.make_dataloader(dataset, sb.Stage.TEST, ckpt_prefix=None)
        self.on_stage_start(sb.Stage.TEST)
        self.modules.eval()
        for batch in loader:
            self.evaluate_batch(batch, sb.Stage.TEST)
        return self._gathered()

    @torch.no_grad()
    def frames(self, dataset: DynamicItemDataset) -> dict[str, torch.Tensor]:
        """Real frames [time, feature] of every item of a dataset, by its id, on the CPU, the same on all ranks."""
        loader = self.make_dataloader(dataset, sb.Stage.TEST, ckpt_prefix=None)
        self.modules.eval()
        found: list[Frames] = []
        for batch in loader:
            output = self.compute_forward(batch, sb.Stage.TEST)
            rows = zip(batch.ids, output["frames"].float().cpu(), output["frame_lengths"].tolist(), strict=True)
            # A copy: a view would keep the batch in memory.
            found += [Frames(name, frames[:count].clone()) for name, frames, count in rows]
        return {each.id: each.frames for each in gather(found)}

    def adapt_norms(self, dataset: DynamicItemDataset) -> None:
        """Replace the statistics of all batch normalisations by those of a dataset (AdaBN); labels are not read."""

        def forward(places: Sequence[int]) -> None:
            self.compute_forward(collate([dataset[place] for place in places]), sb.Stage.TEST)

        adapt_norms(self.plain_model, forward, batches_of_one_length(dataset, self.hparams.batch_size))

    def _gathered(self) -> list[Output]:
        """Outputs of all ranks, one for each utterance."""
        outputs = gather(self.outputs)
        return merge_segments(outputs, self.hparams.mean_of) if self.hparams.segments else outputs

    def on_stage_start(self, stage: sb.Stage, epoch: int | None = None) -> None:
        """Clear the outputs; give all ranks the same buffers to evaluate with."""
        self.outputs: list[Output] = []
        if stage == sb.Stage.TRAIN:
            self.epoch_started = time.monotonic()
            self.penalties: list[float] = []
            self.scheduled_rate = self.optimizer.param_groups[0]["lr"]
            if self.hparams.chooser is not None and epoch is not None:
                self.hparams.chooser.epoch = epoch
        if stage != sb.Stage.TRAIN and is_distributed_initialized():
            for buffer in self.modules.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def on_fit_batch_start(self, batch: Batch, should_step: bool) -> None:
        """Seed from epoch and step, so that a resumed run draws what an uninterrupted one draws."""
        if self.hparams.adaptation is not None:
            factor = self.hparams.adaptation.penalty.rate_factor(self.progress)
            update_learning_rate(self.optimizer, self.scheduled_rate * factor)
        self.guard.enter(batch, self.epoch_counter.current, self.step, self.optimizer.param_groups[0]["lr"])
        rank = torch.distributed.get_rank() if is_distributed_initialized() else 0
        seed = seed_of(self.hparams.seed, self.epoch_counter.current, self.step, rank)
        torch.manual_seed(seed)
        # transformers draws the masks of its SpecAugment there.
        np.random.seed(seed % 2**32)
        self.hparams.objective.follow_rate(self.optimizer.param_groups[0]["lr"])

    def on_stage_end(self, stage: sb.Stage, stage_loss: float, epoch: int | None = None) -> None:
        """End the epoch after training without a development set, or after validation."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = float(stage_loss)
            if self.hparams.adaptation is not None:
                # The scheduler goes on from its own rate.
                update_learning_rate(self.optimizer, self.scheduled_rate)
            if not self.has_dev:
                # SpeechBrain clears these only after this call, and a checkpoint would restore them.
                self.step, self.avg_train_loss = 0, 0.0
                self.end_epoch({})
        elif stage == sb.Stage.VALID:
            self.end_epoch(self.hparams.objective.dev_scores(self._gathered()))

    def end_epoch(self, dev: dict[str, float]) -> None:
        """Log the epoch, anneal the learning rate and save a checkpoint where one is due."""
        hp, counter, epoch = self.hparams, self.epoch_counter, self.epoch_counter.current
        history, score = hp.history, hp.objective.score
        self.guard.check_epoch({"train_loss": self.train_loss, **dev}, self.plain_model)
        batch = self.guard.batch
        if not dev and batch is not None and epoch >= counter.limit:
            # No later loss shows what the last step did.
            self.modules.eval()
            with torch.no_grad():
                self.guard.check_outputs(self.compute_forward(batch, sb.Stage.VALID), batch)
        rate = self.optimizer.param_groups[0]["lr"]
        best = history.best(score)
        row = {"epoch": epoch, "phase_name": hp.phase_name, "lr": rate, "train_loss": self.train_loss, **dev}
        if self.penalties:
            row["penalty"] = float(np.mean(self.penalties))
        history.rows.append({**row, "seconds": round(time.monotonic() - self.epoch_started, 4)})
        if hp.scheduler is not None:
            new_rate = _anneal(hp.scheduler, self.optimizer, epoch, dev.get("dev_loss", self.train_loss))
            self.guard.check_rate(new_rate)
            update_learning_rate(self.optimizer, new_rate)
        last = epoch >= counter.limit
        if isinstance(counter, EpochCounterWithStopper) and dev:
            counter.update_metric(dev[score])
            last |= counter.should_stop
        better = hp.keep_best and (best is None or dev[score] > best)
        if self.checkpointer is not None and (last or better or epoch % hp.checkpoint_epochs == 0):
            # Among equals the earliest epoch wins, whatever was saved when.
            meta = {"epoch": epoch, "rank": dev[score] - 1e-9 * epoch if hp.keep_best else float(epoch)}
            self.checkpointer.save_and_keep_only(meta=meta, max_keys=["rank"], importance_keys=[])
        if hp.on_epoch is not None:
            hp.on_epoch(epoch)

    def make_dataloader(
        self,
        dataset: DynamicItemDataset,
        stage: sb.Stage,
        ckpt_prefix: str | None = "dataloader-",
        **loader_kwargs: Any,
    ) -> Any:
        """Loaders with our collation and batch size; a seeded order for training, disjoint shards elsewhere."""
        loader_kwargs.setdefault("collate_fn", collate)
        world = torch.distributed.get_world_size() if is_distributed_initialized() else 1
        if "batch_sampler" not in loader_kwargs:
            loader_kwargs.setdefault("batch_size", self.hparams.batch_size // (world if stage == sb.Stage.TRAIN else 1))
        if stage == sb.Stage.TRAIN:
            groups = self._groups(dataset)
            sampler = training_sampler(groups, seed_of(self.hparams.seed, "order") % 2**31, len(set(groups)) > 1)
            last = self._last_batch(len(dataset), loader_kwargs.get("batch_size", 1), world)
            if last < self._min_batch_size:
                loader_kwargs["drop_last"] = True
            loader = super().make_dataloader(dataset, stage, ckpt_prefix, sampler=sampler, **loader_kwargs)
            self.train_steps = len(loader)
            if self.train_sampler is None:
                # Without it SpeechBrain never calls set_epoch and every epoch has one order.
                self.train_sampler = sampler
            return loader
        if is_distributed_initialized():
            loader_kwargs["sampler"] = ShardSampler(len(dataset), torch.distributed.get_rank(), world)
        return super().make_dataloader(dataset, stage, ckpt_prefix, **loader_kwargs)

    def _groups(self, dataset: DynamicItemDataset) -> list[int]:
        """Groups of training items that are drawn equally often; one group where nothing is balanced."""
        entries, hp = dataset.data.values(), self.hparams
        corpora = [entry.get("corpus", "") for entry in entries]
        return training_groups(corpora, [entry["target"] for entry in entries], hp.corpus_balance, hp.balanced_sampling)

    @property
    def _min_batch_size(self) -> int:
        adaptation = self.hparams.adaptation
        least = 1 if adaptation is None else adaptation.penalty.min_batch_size
        return max(least, self.plain_model.network.min_batch_size)

    @staticmethod
    def _last_batch(items: int, batch_size: int, world: int) -> int:
        """Items of the last batch of an epoch, on each rank."""
        return (-(-items // world) - 1) % batch_size + 1

    def _wrap_distributed(self) -> None:
        # SpeechBrain converts batch norms to SyncBatchNorm, which refuses to run on a CPU.
        if self.distributed_launch and self.device_type == "cpu":
            for name, module in self.modules.items():
                if any(parameter.requires_grad for parameter in module.parameters()):
                    self.modules[name] = DistributedDataParallel(module, broadcast_buffers=False)
        else:
            super()._wrap_distributed()


def gather(outputs: Sequence[Any]) -> list[Any]:
    """Outputs of all ranks, each utterance once, sorted by id."""
    if is_distributed_initialized():
        parts: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(parts, list(outputs))
        outputs = [output for rank in parts for output in rank]
    unique = {output.id: output for output in outputs}
    return [unique[identity] for identity in sorted(unique)]


def _anneal(scheduler: Any, optimizer: torch.optim.Optimizer, epoch: int, loss: float) -> float:
    """The next learning rate: by the loss where the scheduler watches one, else by the epoch."""
    if isinstance(scheduler, ReduceLROnPlateau):
        return scheduler([optimizer], epoch, loss)[1]
    return scheduler(loss if isinstance(scheduler, NewBobScheduler) else epoch)[1]
