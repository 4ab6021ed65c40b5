"""EmotionBrain: what happens in each epoch, in which order items are trained on, and when a checkpoint is saved."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from speechbrain.nnet.schedulers import ReduceLROnPlateau
from speechbrain.utils.epoch_loop import EpochCounter
from test_brain import Net, brain, dataset, fit

from speechbrain_ext.lobes.normalization import FeatureNormalizer
from speechbrain_ext.training.brain import EmotionBrain
from speechbrain_ext.training.brain_settings import BrainSettings
from speechbrain_ext.training.objectives import ClassObjective, CriterionObjective
from speechbrain_ext.training.phase_model import PhaseModel


class RecordingObjective(ClassObjective):
    """Keeps the ids of each training batch; the development loss rises in every epoch."""

    def __init__(self):
        super().__init__()
        self.batches, self.dev_losses = [], 0.0

    def loss(self, predictions, batch):
        self.batches.append(tuple(batch.ids))
        return super().loss(predictions, batch)

    def dev_scores(self, outputs):
        self.dev_losses += 1.0
        return {**super().dev_scores(outputs), "dev_loss": self.dev_losses}


@pytest.mark.parametrize(("patience", "due"), [(0, 3), (2, 3), (2, 7), (2, 100)])
def test_a_checkpoint_is_saved_when_due_and_at_the_last_epoch_only(tmp_path, patience, due):
    seen = {}

    def on_epoch(epoch):
        seen[epoch] = [one.meta["epoch"] for one in trained.checkpointer.list_checkpoints()]

    trained = brain(tmp_path, 50 if patience else 5, False, patience, checkpoint_epochs=due, on_epoch=on_epoch)
    fit(trained, dataset(30, 0), dataset(12, 5))
    last = len(trained.hparams.history.rows)
    assert list(seen) == list(range(1, last + 1)) and last < 50
    saved = {epoch: epoch if epoch == last else epoch // due * due for epoch in seen}
    assert seen == {epoch: [at] if at else [] for epoch, at in saved.items()}


def test_every_epoch_has_an_order_of_its_own_and_each_item_once(tmp_path):
    objective = RecordingObjective()
    fit(brain(tmp_path, epochs=3, objective=objective), dataset(30, 0))
    per_epoch = [sum(objective.batches[start : start + 4], ()) for start in (0, 4, 8)]
    assert [len(batch) for batch in objective.batches] == [8, 8, 8, 6] * 3
    assert len(set(per_epoch)) == 3 and all(sorted(order) == sorted(per_epoch[0]) for order in per_epoch)
    assert len(set(per_epoch[0])) == 30


class Normalised(Net):
    """A network with batch normalisation, which refuses to train on one item."""

    min_batch_size = 2

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, features, lengths):
        found = super().forward(features, lengths)
        return {**found, "logits": self.out(self.norm(found["embedding"]))}


@pytest.mark.parametrize(("items", "sizes"), [(17, [8, 8]), (18, [8, 8, 2])])
def test_a_last_batch_that_is_too_small_for_the_network_is_left_out(tmp_path, items, sizes):
    objective = RecordingObjective()
    settings = BrainSettings(seed=1, batch_size=8, objective=objective)
    options = {"device": "cpu", "noprogressbar": True}
    model = PhaseModel(Normalised(), {"lld": FeatureNormalizer(4)})
    one = EmotionBrain({"model": model}, partial(torch.optim.Adam, lr=0.05), settings, options)
    one.fit(EpochCounter(2), dataset(items, 0))
    assert [len(batch) for batch in objective.batches] == sizes * 2


def test_a_scheduler_that_watches_the_loss_sees_that_of_the_development_set(tmp_path):
    scheduler = ReduceLROnPlateau(lr_min=1e-6, factor=0.5, patience=0, dont_halve_until_epoch=0)
    one = brain(tmp_path, 4, scheduler=scheduler, objective=RecordingObjective())
    fit(one, dataset(30, 0), dataset(12, 5))
    rates = [row["lr"] for row in one.hparams.history.rows]
    assert rates[0] == 0.05 and rates[-1] < 0.05
    assert all(after in (before, before / 2) for before, after in zip(rates, rates[1:], strict=False))


class Framed(Net):
    """A network that returns its frames and how many of each row are real."""

    def forward(self, features, lengths):
        x = features["lld"] * 2.0
        return {**super().forward(features, lengths), "frames": x, "frame_lengths": lengths["lld"]}


def test_frames_are_the_real_ones_of_each_item(tmp_path):
    items, settings = dataset(10, 0), BrainSettings(seed=1, batch_size=8)
    one = EmotionBrain({"model": PhaseModel(Framed(), {})}, None, settings, {"device": "cpu", "noprogressbar": True})
    found = one.frames(items)
    assert list(found) == [item["id"] for item in items]
    for item in items:
        torch.testing.assert_close(found[item["id"]], 2.0 * item["features"]["lld"], rtol=0, atol=0)


class Scaled(torch.nn.Module):
    """A loss with one parameter, whose gradient is 1 whatever the batch."""

    def __init__(self):
        super().__init__()
        self.offset = torch.nn.Parameter(torch.zeros(()))

    def follow_rate(self, rate):
        del rate

    def forward(self, outputs, shares, genders):
        del genders
        return -(shares * outputs["logits"].log_softmax(-1)).sum(1).mean() + self.offset, {}


@pytest.mark.parametrize("criterion_lr", [None, 0.25])
def test_parameters_of_a_loss_are_trained_by_an_sgd_of_their_own_where_it_has_a_rate(tmp_path, criterion_lr):
    torch.manual_seed(1)
    criterion, net = Scaled(), Net()
    before = net.out.weight.detach().clone()
    settings = BrainSettings(seed=1, batch_size=8, criterion_lr=criterion_lr, objective=CriterionObjective(criterion))
    model = PhaseModel(net, {"lld": FeatureNormalizer(4)}, criterion=criterion)
    options = {"device": "cpu", "noprogressbar": True, "max_grad_norm": 1e9}
    one = EmotionBrain({"model": model}, partial(torch.optim.SGD, lr=0.05), settings, options)
    one.fit(EpochCounter(2), dataset(16, 0))
    # Four steps down a slope of 1.
    assert criterion.offset.item() == pytest.approx(-4 * (criterion_lr or 0.05))
    assert not torch.equal(net.out.weight, before)
