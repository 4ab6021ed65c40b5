"""EmotionBrain: scores over utterances, seeds per step, and what a finished training leaves."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import speechbrain as sb
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.nnet import schedulers
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.data_pipeline import provides, takes
from speechbrain.utils.epoch_loop import EpochCounter, EpochCounterWithStopper

from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.lobes.normalization import FeatureNormalizer
from speechbrain_ext.training.brain import EmotionBrain, gather
from speechbrain_ext.training.brain_settings import BrainSettings
from speechbrain_ext.training.checkpoints import SafeCheckpointer
from speechbrain_ext.training.objectives import ClassObjective, CriterionObjective, Output
from speechbrain_ext.training.phase_model import PhaseModel
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.seeds import seed_of


class Net(BaseNetwork):
    """Mean over real frames, dropout, linear."""

    def __init__(self):
        super().__init__()
        self.drop, self.out = torch.nn.Dropout(0.3), torch.nn.Linear(4, 3)

    def forward(self, features, lengths):
        x, n = features["lld"], lengths["lld"]
        mask = (torch.arange(x.shape[1])[None] < n[:, None]).float()[..., None]
        h = (x * mask).sum(1) / n[:, None]
        return {"logits": self.out(self.drop(h)), "embedding": h}


def dataset(size: int, seed: int) -> DynamicItemDataset:
    generator = torch.Generator().manual_seed(seed)
    frames = {f"u{i:03d}": torch.randn(3 + i % 4, 4, generator=generator) + i % 3 for i in range(size)}

    @takes("id")
    @provides("features")
    def features(identity):
        return {"lld": frames[identity]}

    data = {name: {"target": i % 3, "shares": torch.eye(3)[i % 3]} for i, name in enumerate(frames)}
    return DynamicItemDataset(data, dynamic_items=[features], output_keys=["id", "target", "shares", "features"])


def brain(folder, epochs=4, select=False, patience=0, **more):
    torch.manual_seed(1)
    model = PhaseModel(Net(), {"lld": FeatureNormalizer(4)})
    counter = EpochCounterWithStopper(epochs, patience, 0, "max") if patience else EpochCounter(epochs)
    settings = BrainSettings(**{"seed": 1, "batch_size": 8, "phase_name": "net", "keep_best": select, **more})
    recoverables = {"model": model, "counter": counter, "history": settings.history}
    checkpointer = SafeCheckpointer(folder, recoverables)
    options = {"device": "cpu", "noprogressbar": True, "max_grad_norm": 1e9}
    one = EmotionBrain({"model": model}, partial(torch.optim.Adam, lr=0.05), settings, options, checkpointer)
    one.epoch_counter = counter
    return one


def fit(one, train, dev=None):
    one.fit(one.epoch_counter, train, dev)
    return {name: value.clone() for name, value in one.modules.state_dict().items()}


def test_scores_are_those_of_scikit_learn_over_utterances():
    generator = random.Random(0)
    outputs = []
    for i in range(50):
        logits = torch.tensor([generator.gauss(0, 1) for _ in range(3)], dtype=torch.float64)
        posteriors = tuple(logits.log_softmax(0).tolist())
        target = generator.randrange(3)
        outputs.append(Output(f"u{i}", target, posteriors, ()))
    truth = [o.truth for o in outputs]
    prediction = [max(range(3), key=o.predicted.__getitem__) for o in outputs]
    found = ClassObjective().dev_scores(gather([*outputs, outputs[0]]))
    assert found["dev_wa"] == pytest.approx(accuracy_score(truth, prediction))
    assert found["dev_uar"] == pytest.approx(balanced_accuracy_score(truth, prediction))
    shares = [[math.exp(x) for x in o.predicted] for o in outputs]
    assert found["dev_loss"] == pytest.approx(log_loss(truth, shares))


def test_outputs_do_not_depend_on_batch_mates(tmp_path):
    one = brain(tmp_path)
    whole = one.run(dataset(10, 0))
    one.hparams = replace(one.hparams, batch_size=1)
    alone = one.run(dataset(10, 0))
    assert [o.id for o in whole] == [o.id for o in alone]
    for left, right in zip(whole, alone, strict=True):
        assert left.predicted == pytest.approx(right.predicted, abs=1e-6)


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    train = dataset(30, 0)
    first = fit(brain(tmp_path / "a"), train)
    torch.manual_seed(999)
    second = fit(brain(tmp_path / "b"), train)
    third = fit(brain(tmp_path / "c", seed=2), train)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], third[name]) for name in first)


@pytest.mark.parametrize("with_dev", [False, True])
def test_resumed_after_any_epoch_is_the_same(tmp_path, with_dev):
    train, dev = dataset(30, 0), dataset(12, 5) if with_dev else None
    whole = brain(tmp_path / "whole", select=with_dev)
    expected = fit(whole, train, dev)
    for stop in (1, 2, 3):
        folder = tmp_path / f"stop{stop}"
        fit(brain(folder, epochs=stop, select=with_dev), train, dev)
        resumed = brain(folder, select=with_dev)
        found = fit(resumed, train, dev)
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        timeless = [[{**row, "seconds": 0} for row in b.hparams.history.rows] for b in (whole, resumed)]
        assert timeless[0] == timeless[1] and len(timeless[0]) == 4


def test_the_best_epoch_on_dev_is_kept_and_the_earliest_of_equals(tmp_path):
    one = brain(tmp_path, epochs=6, select=True, checkpoint_epochs=100)
    fit(one, dataset(30, 0), dataset(12, 5))
    rows = one.hparams.history.rows
    best = max(row["dev_uar"] for row in rows)
    first = next(row["epoch"] for row in rows if row["dev_uar"] == best)
    assert one.checkpointer.find_checkpoint(max_key="rank").meta["epoch"] == first


def test_early_stopping_ends_after_patience(tmp_path):
    one = brain(tmp_path, epochs=50, select=True, patience=2)
    fit(one, dataset(30, 0), dataset(12, 5))
    rows = one.hparams.history.rows
    best = max(range(len(rows)), key=lambda i: (rows[i]["dev_uar"], -i))
    assert len(rows) == best + 1 + 2 < 50


def test_class_weights_and_smoothing_change_the_training_loss_only(tmp_path):
    plain = fit(brain(tmp_path / "a"), dataset(30, 0))
    weights = torch.tensor([1.0, 5.0, 1.0])
    weighted = fit(brain(tmp_path / "b", objective=ClassObjective(weights)), dataset(30, 0))
    assert any(not torch.equal(plain[name], weighted[name]) for name in plain)
    one = brain(tmp_path / "c", objective=ClassObjective(weights, 0.5))
    losses = [-output.predicted[output.truth] for output in one.run(dataset(9, 0))]
    assert one.evaluate(dataset(9, 0), test_loader_kwargs={"batch_size": 9}) == pytest.approx(sum(losses) / 9)


class RecordingCriterion(torch.nn.Module):
    """Keeps what it is called with; its loss is the cross-entropy towards the shares."""

    def __init__(self):
        super().__init__()
        self.called, self.rates = [], []

    def follow_rate(self, rate):
        self.rates.append(rate)

    def forward(self, outputs, shares, genders):
        self.called.append((shares, genders))
        return -(shares * outputs["logits"].log_softmax(-1)).sum(1).mean(), {}


@pytest.mark.parametrize("smoothing", [None, 0.0, 0.3])
def test_a_loss_of_the_system_s_own_gets_smoothed_shares_and_the_rate(smoothing):
    """Label smoothing is that of torch's cross-entropy; it is off unless asked for."""
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(5, 3, generator=generator), torch.tensor([0, 2, 1, 1, 0])
    batch = SimpleNamespace(shares=torch.eye(3)[targets], genders=torch.tensor([0, 1, 1, 0, 1]))
    criterion = RecordingCriterion()
    objective = CriterionObjective(criterion, *([] if smoothing is None else [smoothing]))
    loss = objective.loss({"logits": logits.double()}, batch)
    expected = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing or 0.0)
    torch.testing.assert_close(loss, expected)
    assert criterion.called[0][1] is batch.genders
    torch.testing.assert_close(criterion.called[0][0].sum(1), torch.ones(5))
    objective.follow_rate(0.25)
    assert criterion.rates == [0.25]


def test_seeds_differ_by_every_part():
    parts = [(s, e, b, r) for s in range(3) for e in range(3) for b in range(3) for r in range(2)]
    assert len({seed_of(*part) for part in parts}) == len(parts)


@pytest.mark.parametrize("kind", ["StepScheduler", "NewBobScheduler", "ReduceLROnPlateau"])
def test_the_scheduler_sets_the_rate_of_the_next_epoch(tmp_path, kind):
    scheduler = {
        "StepScheduler": lambda: schedulers.StepScheduler(0.05, decay_factor=0.5, decay_drop=2),
        "NewBobScheduler": lambda: schedulers.NewBobScheduler(0.05, annealing_factor=0.5, improvement_threshold=0.9),
        "ReduceLROnPlateau": lambda: schedulers.ReduceLROnPlateau(
            lr_min=1e-6, factor=0.5, patience=0, dont_halve_until_epoch=0
        ),
    }[kind]()
    one = brain(tmp_path, epochs=6, scheduler=scheduler)
    fit(one, dataset(30, 0))
    rates = [row["lr"] for row in one.hparams.history.rows]
    assert rates[0] == 0.05 and all(after <= before for before, after in zip(rates, rates[1:], strict=False))
    if kind != "ReduceLROnPlateau":
        assert rates[-1] < 0.05


def by_hand(**settings):
    """A Brain as a user of SpeechBrain builds it: hparams by name, no checkpointer."""
    model = PhaseModel(Net(), {"lld": FeatureNormalizer(4)})
    opt_class = partial(torch.optim.Adam, lr=0.05)
    return EmotionBrain(
        modules={"model": model}, opt_class=opt_class, hparams=settings, run_opts={"noprogressbar": True}
    )


def test_fit_works_without_a_checkpointer_and_as_a_brain_of_speechbrain():
    torch.manual_seed(1)
    one = by_hand(seed=1, batch_size=8)
    assert isinstance(one, sb.Brain) and one.hparams.seed == 1
    one.fit(epoch_counter=EpochCounter(6), train_set=dataset(30, 0), valid_set=dataset(12, 5))
    rows = one.hparams.history.rows
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6] and rows[-1]["dev_uar"] > 0.5
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert one.evaluate(dataset(9, 0), test_loader_kwargs={"batch_size": 4}) < 1.1
    assert [output.id for output in one.run(dataset(9, 0))] == [f"u{n:03d}" for n in range(9)]


def test_a_checkpointer_of_speechbrain_saves_and_recovers(tmp_path):
    train, states = dataset(30, 0), []
    for epochs in (2, 4):
        torch.manual_seed(1)
        one, counter = by_hand(seed=1, batch_size=8), EpochCounter(epochs)
        recoverables = {"model": one.modules.model, "counter": counter, "history": one.hparams.history}
        one.checkpointer = Checkpointer(tmp_path, recoverables)
        one.fit(counter, train)
        states.append(one.hparams.history.rows)
    assert [row["epoch"] for row in states[1]] == [1, 2, 3, 4] and states[1][:2] == states[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "hparams: missing seed, batch_size"),
        ({"seed": 1}, "hparams: missing batch_size"),
        ({"seed": 1, "batch_size": 8, "batchsize": 8}, "hparams: unknown batchsize"),
        ({"seed": "one", "batch_size": 8}, "seed: expected a whole number of at least 0, found 'one'"),
        ({"seed": 1, "batch_size": 0}, "batch_size: expected a whole number of at least 1, found 0"),
        ({"seed": 1, "batch_size": 8, "objective": "classes"}, "objective: expected an Objective"),
        ({"seed": 1, "batch_size": 8, "mean_of": "votes"}, "mean_of: expected one of posteriors, log_posteriors"),
        ({"seed": 1, "batch_size": 8, "scheduler": 0.1}, "scheduler: expected a function or None, found 0.1"),
        ({"seed": 1, "batch_size": 8, "keep_best": "yes"}, "keep_best: expected True or False, found 'yes'"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(settings, said):
    with pytest.raises(UserError, match=said) as fault:
        by_hand(**settings)
    assert "\n" not in str(fault.value)


def test_other_parts_that_are_wrong_are_named():
    with pytest.raises(UserError, match='modules: expected {"model": PhaseModel'):
        EmotionBrain({"net": Net()}, torch.optim.Adam, {"seed": 1, "batch_size": 8})
    with pytest.raises(UserError, match="epoch_counter: expected an EpochCounter of SpeechBrain, found range"):
        by_hand(seed=1, batch_size=8).fit(range(2), dataset(9, 0))
    with pytest.raises(UserError, match="valid_set: expected a development set, as keep_best is True, found none"):
        by_hand(seed=1, batch_size=8, keep_best=True).fit(EpochCounter(1), dataset(9, 0))
