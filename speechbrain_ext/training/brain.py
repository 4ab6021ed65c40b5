"""EmotionBrain: one training step of any system. It knows no corpus and no lobe by name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import speechbrain as sb
import torch
from speechbrain.nnet.schedulers import NewBobScheduler, ReduceLROnPlateau, update_learning_rate
from speechbrain.utils.distributed import is_distributed_initialized
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Dataset

from speechbrain_ext.dataio.collate import Batch, collate
from speechbrain_ext.dataio.samplers import ShardSampler, training_sampler
from speechbrain_ext.training.divergence import FiniteGuard
from speechbrain_ext.training.objectives import Frames, Output, ValueOutput, merge_pieces, with_vectors


class PhaseModel(nn.Module):
    """A step's network behind the normalisation of its features.

    Arguments
    ---------
    network : nn.Module
        Called with features and lengths by name; returns `logits` [batch, class or dimension] and `embedding`
        [batch, feature]. Its attribute `vectors`, where it has one, names further tensors [batch, feature] that are
        kept of what it is tested on.
    normalizers : mapping
        By feature name, the module that normalises [batch, time, feature].
    scale : nn.Module or None
        Where values are predicted, the module that knows their units: kept here so that a checkpoint carries it.
    criterion : nn.Module or None
        A loss that has something to learn, such as centers: kept here for the same reason.
    """

    def __init__(
        self,
        network: nn.Module,
        normalizers: Mapping[str, nn.Module],
        scale: nn.Module | None = None,
        criterion: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.normalizers = nn.ModuleDict(normalizers)
        self.scale = scale
        self.criterion = criterion

    @property
    def least_batch(self) -> int:
        """Items that the network needs to be trained on: a smaller last batch of an epoch is left out."""
        return getattr(self.network, "least_batch", 1)

    @property
    def vectors(self) -> Sequence[str]:
        """Names of what the network returns of an utterance beside its embedding."""
        return getattr(self.network, "vectors", ())

    def forward(
        self,
        features: Mapping[str, torch.Tensor],
        lengths: Mapping[str, torch.Tensor],
        augment: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> dict[str, torch.Tensor]:
        """Normalise, augment frames where asked to, and run the network."""
        normalised = {
            name: self.normalizers[name](tensor) if name in self.normalizers else tensor
            for name, tensor in features.items()
        }
        if augment is not None:
            normalised = {
                name: augment(tensor, lengths[name]) if name in lengths else tensor
                for name, tensor in normalised.items()
            }
        return self.network(normalised, lengths)


class EmotionBrain(sb.Brain):
    """Trains and runs one step of a system.

    Arguments are those of `speechbrain.Brain`. `modules` holds one `model`, a `PhaseModel`; `hparams` holds `seed`
    (int), `phase_name`, `history` (History), `epoch_counter`, `objective` (Objective), `scheduler` or None,
    `balanced_sampling`, `augment` or None, `checkpoint_epochs`, `select` (keep the epoch with the best score on the
    development part), `batch_size` over all ranks, `pieces` (items are segments of utterances), `utterance` (which
    segment scores are averaged: "posteriors" or "log_posteriors"), `criterion_lr` (where it is a number, the model's
    criterion has an SGD optimiser of its own at this rate).
    """

    def compute_forward(self, batch: Batch, stage: sb.Stage) -> dict[str, torch.Tensor]:
        """Run the model on a batch."""
        batch = batch.to(self.device)
        training = stage == sb.Stage.TRAIN
        model = self.modules.model if training else self.plain_model
        return model(batch.features, batch.lengths, self.hparams.augment if training else None)

    def compute_objectives(self, predictions: dict[str, torch.Tensor], batch: Batch, stage: sb.Stage) -> torch.Tensor:
        """The objective's loss; what is only measured is kept as outputs."""
        objective = self.hparams.objective
        if stage == sb.Stage.TRAIN:
            return objective.loss(predictions, batch)
        self.guard.check_outputs(predictions, batch)
        outputs, loss = objective.measure(predictions, batch)
        # Of a development part the scores alone are of use.
        names = self.plain_model.vectors if stage == sb.Stage.TEST else ()
        self.outputs += with_vectors(outputs, predictions, names)
        return loss

    @cached_property
    def guard(self) -> FiniteGuard:
        """What stops the training at the first value that is not finite."""
        return FiniteGuard(self.hparams.phase_name)

    def check_loss_isfinite(self, loss: torch.Tensor) -> None:
        """Stop at the first loss that is not finite: SpeechBrain would take three more steps."""
        self.guard.check_loss(loss)

    def init_optimizers(self) -> None:
        """One optimiser, or a second one for what the loss itself has to learn."""
        rate, criterion = getattr(self.hparams, "criterion_lr", None), self.plain_model.criterion
        own = [] if rate is None or criterion is None else list(criterion.parameters())
        if not own or self.opt_class is None:
            super().init_optimizers()
            return
        theirs = {id(parameter) for parameter in own}
        self.optimizer = self.opt_class([each for each in self.modules.parameters() if id(each) not in theirs])
        self.criterion_optimizer = torch.optim.SGD(own, lr=rate)
        self.optimizers_dict = {"opt_class": self.optimizer, "criterion": self.criterion_optimizer}
        if self.checkpointer is not None:
            self.checkpointer.add_recoverables(
                {"optimizer": self.optimizer, "criterion_optimizer": self.criterion_optimizer}
            )

    @property
    def plain_model(self) -> nn.Module:
        """The model without its DDP shell, whose forward would be a collective that ranks without a batch miss."""
        model = self.modules.model
        return model.module if isinstance(model, DistributedDataParallel) else model

    def run(self, dataset: Dataset) -> list[Output] | list[ValueOutput]:
        """Outputs for every utterance of a dataset, sorted by id, the same on all ranks."""
        loader = self.make_dataloader(dataset, sb.Stage.TEST, ckpt_prefix=None, batch_size=self.hparams.batch_size)
        self.on_stage_start(sb.Stage.TEST)
        self.modules.eval()
        for batch in loader:
            self.evaluate_batch(batch, sb.Stage.TEST)
        return self._gathered()

    @torch.no_grad()
    def frames(self, dataset: Dataset) -> dict[str, torch.Tensor]:
        """Real frames [time, feature] of every item of a dataset, by its id, on the CPU, the same on all ranks."""
        loader = self.make_dataloader(dataset, sb.Stage.TEST, ckpt_prefix=None, batch_size=self.hparams.batch_size)
        self.modules.eval()
        found: list[Frames] = []
        for batch in loader:
            output = self.compute_forward(batch, sb.Stage.TEST)
            rows = zip(batch.ids, output["frames"].float().cpu(), output["frame_lengths"].tolist(), strict=True)
            # A copy: a view would keep the whole batch.
            found += [Frames(name, frames[:count].clone()) for name, frames, count in rows]
        return {each.id: each.frames for each in gather(found)}

    def _gathered(self) -> list[Any]:
        """Outputs of all ranks, one an utterance."""
        outputs = gather(self.outputs)
        if not getattr(self.hparams, "pieces", False):
            return outputs
        return merge_pieces(outputs, getattr(self.hparams, "utterance", "posteriors"))

    def on_stage_start(self, stage: sb.Stage, epoch: int | None = None) -> None:
        """Forget the outputs of the last stage; give all ranks the same buffers to evaluate with."""
        self.outputs: list[Any] = []
        if stage == sb.Stage.TRAIN:
            self.epoch_started = time.monotonic()
            if self.hparams.chooser is not None:
                self.hparams.chooser.epoch = epoch
        if stage != sb.Stage.TRAIN and is_distributed_initialized():
            for buffer in self.modules.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def on_fit_batch_start(self, batch: Batch, should_step: bool) -> None:
        """Seed from the place in the training, so that a resumed run draws what the uninterrupted one drew."""
        self.guard.enter(batch, self.hparams.epoch_counter.current, self.step, self.optimizer.param_groups[0]["lr"])
        rank = torch.distributed.get_rank() if is_distributed_initialized() else 0
        seed = seed_of(self.hparams.seed, self.hparams.epoch_counter.current, self.step, rank)
        torch.manual_seed(seed)
        # transformers draws the masks of its SpecAugment there.
        np.random.seed(seed % 2**32)
        if hasattr(self.plain_model.criterion, "follow_rate"):
            self.plain_model.criterion.follow_rate(self.optimizer.param_groups[0]["lr"])

    def on_stage_end(self, stage: sb.Stage, stage_loss: float, epoch: int | None = None) -> None:
        """After training without a development part, or after validation: log, anneal, checkpoint."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = float(stage_loss)
            if not self.hparams.has_dev:
                # SpeechBrain clears these only after this call, and a checkpoint would restore them.
                self.step, self.avg_train_loss = 0, 0.0
                self.end_epoch(epoch, {})
        elif stage == sb.Stage.VALID:
            self.end_epoch(epoch, self.hparams.objective.dev_scores(self._gathered()))

    def end_epoch(self, epoch: int, dev: dict[str, float]) -> None:
        """Write the epoch into the history and keep the checkpoints that matter."""
        hp, history, score = self.hparams, self.hparams.history, self.hparams.objective.score
        self.guard.check_epoch({"train_loss": self.train_loss, **dev}, self.plain_model)
        if not dev and epoch >= hp.epoch_counter.limit:
            # No later loss shows what the last step did.
            self.modules.eval()
            with torch.no_grad():
                self.guard.check_outputs(self.compute_forward(self.guard.batch, sb.Stage.VALID), self.guard.batch)
        rate = self.optimizer.param_groups[0]["lr"]
        best = history.best(score)
        row = {"epoch": epoch, "phase_name": hp.phase_name, "lr": rate, "train_loss": self.train_loss, **dev}
        history.rows.append({**row, "seconds": round(time.monotonic() - self.epoch_started, 4)})
        if hp.scheduler is not None:
            new_rate = _anneal(hp.scheduler, self.optimizer, epoch, dev.get("dev_loss", self.train_loss))
            self.guard.check_rate(new_rate)
            update_learning_rate(self.optimizer, new_rate)
        if hp.stopper and dev:
            hp.epoch_counter.update_metric(dev[score])
        last = epoch >= hp.epoch_counter.limit or getattr(hp.epoch_counter, "should_stop", False)
        better = hp.select and (best is None or dev[score] > best)
        if last or better or epoch % hp.checkpoint_epochs == 0:
            # Among equals the earliest epoch wins, whatever was saved when.
            meta = {"epoch": epoch, "rank": dev[score] - 1e-9 * epoch if hp.select else float(epoch)}
            self.checkpointer.save_and_keep_only(meta=meta, max_keys=["rank"], importance_keys=[])
        if hp.on_epoch is not None:
            hp.on_epoch(epoch)

    def make_dataloader(
        self, dataset: Dataset, stage: sb.Stage, ckpt_prefix: str | None = "dataloader-", **loader_kwargs: Any
    ) -> Any:
        """Loaders with our collation; a seeded order for training, disjoint shards elsewhere."""
        loader_kwargs.setdefault("collate_fn", collate)
        if stage == sb.Stage.TRAIN:
            targets = [entry["target"] for entry in dataset.data.values()]
            sampler = training_sampler(
                targets, seed_of(self.hparams.seed, "order") % 2**31, self.hparams.balanced_sampling
            )
            if self._rest(len(dataset), loader_kwargs.get("batch_size", 1)) < self.plain_model.least_batch:
                loader_kwargs["drop_last"] = True
            loader = super().make_dataloader(dataset, stage, ckpt_prefix, sampler=sampler, **loader_kwargs)
            if self.train_sampler is None:
                # Without it SpeechBrain never calls set_epoch and every epoch has one order.
                self.train_sampler = sampler
            return loader
        if is_distributed_initialized():
            rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
            loader_kwargs["sampler"] = ShardSampler(len(dataset), rank, world)
        return super().make_dataloader(dataset, stage, ckpt_prefix, **loader_kwargs)

    @staticmethod
    def _rest(items: int, batch_size: int) -> int:
        """Items of the last batch of an epoch, on each rank."""
        world = torch.distributed.get_world_size() if is_distributed_initialized() else 1
        return (-(-items // world) - 1) % batch_size + 1

    def _wrap_distributed(self) -> None:
        # SpeechBrain converts batch norms to SyncBatchNorm, which refuses to run on a CPU.
        if self.distributed_launch and self.device_type == "cpu":
            for name, module in self.modules.items():
                if any(parameter.requires_grad for parameter in module.parameters()):
                    self.modules[name] = DistributedDataParallel(module, broadcast_buffers=False)
        else:
            super()._wrap_distributed()


def seed_of(*parts: Any) -> int:
    """A seed below 2**63 from any values, the same in every process.

    Example
    -------
    >>> seed_of(1, "order") == seed_of(1, "order") != seed_of(2, "order")
    True
    """
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def gather(outputs: Sequence[Any]) -> list[Any]:
    """Outputs of all ranks, each utterance once, sorted by id."""
    if is_distributed_initialized():
        parts: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(parts, list(outputs))
        outputs = [output for part in parts for output in part]
    unique = {output.id: output for output in outputs}
    return [unique[identity] for identity in sorted(unique)]


def _anneal(scheduler: Any, optimizer: torch.optim.Optimizer, epoch: int, loss: float) -> float:
    """The next learning rate: by the loss where the scheduler watches one, else by the epoch."""
    if isinstance(scheduler, ReduceLROnPlateau):
        return scheduler([optimizer], epoch, loss)[1]
    return scheduler(loss if isinstance(scheduler, NewBobScheduler) else epoch)[1]
