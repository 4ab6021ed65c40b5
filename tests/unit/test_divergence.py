"""A training whose loss, weights or outputs are not finite stops, says where, and is never taken for done."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import test_classifier_phase
import test_sd_caff_phases
import torch
from test_brain import brain, dataset, fit

from speechbrain_ext.training.divergence import Diverged, FiniteGuard, check_statistics
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import is_trained, phases_of, train_fold
from speechbrain_ext.training.objectives import ClassObjective
from speechbrain_ext.utils.errors import UserError

sd_caff = test_sd_caff_phases.spec  # a fixture
FOLD = test_sd_caff_phases.FOLD


class FailingObjective(ClassObjective):
    """A loss that is not finite from its n-th call on."""

    def __init__(self, calls, value=torch.nan):
        super().__init__()
        self.left, self.value = calls, value

    def loss(self, predictions, batch):
        self.left -= 1
        return super().loss(predictions, batch) * (1.0 if self.left > 0 else self.value)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_the_first_loss_that_is_not_finite_stops_the_phase(tmp_path, value):
    one = brain(tmp_path, epochs=4, objective=FailingObjective(7, value))
    said = r"phase net, epoch 2, step 3, learning rate 0.05: the loss is (nan|inf): train again with a lower learning "
    with pytest.raises(Diverged, match=said + "rate, such as 0.005, and with another --tag or --force") as fault:
        fit(one, dataset(30, 0))
    assert "\n" not in str(fault.value) and one.optimizer_step == 6
    assert [row["epoch"] for row in one.hparams.history.rows] == [1]
    (kept,) = one.checkpointer.list_checkpoints()
    assert kept.meta["epoch"] == 1


def test_the_checkpoint_before_it_goes_on_to_the_same_weights(tmp_path):
    train = dataset(30, 0)
    whole = fit(brain(tmp_path / "a"), train)
    with pytest.raises(Diverged):
        fit(brain(tmp_path / "b", objective=FailingObjective(7)), train)
    resumed = fit(brain(tmp_path / "b"), train)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
@pytest.mark.parametrize("epoch", [1, 4])
def test_a_weight_that_is_not_finite_after_an_epoch_stops_it(tmp_path, monkeypatch, value, epoch):
    """The last step of a training has no loss behind it."""
    one = brain(tmp_path, epochs=4)
    inner = one.optimizers_step

    def step():
        inner()
        if one.epoch_counter.current == epoch and one.step == 4:
            with torch.no_grad():
                one.modules.model.network.out.bias[1] = value

    monkeypatch.setattr(one, "optimizers_step", step)
    with pytest.raises(Diverged, match=f"phase net, epoch {epoch}, step 4, .*: network.out.bias is not finite"):
        fit(one, dataset(30, 0))
    assert [kept.meta["epoch"] for kept in one.checkpointer.list_checkpoints()] == ([] if epoch == 1 else [3])


def test_a_running_statistic_counts_as_a_weight(tmp_path):
    one = brain(tmp_path, epochs=1)
    one.modules.model.network.norm = torch.nn.BatchNorm1d(2)
    one.modules.model.network.norm.running_var[0] = torch.inf
    with pytest.raises(Diverged, match="network.norm.running_var is not finite"):
        fit(one, dataset(30, 0))


def test_finite_weights_with_outputs_that_are_not_finite_stop_the_last_epoch(tmp_path, monkeypatch):
    one = brain(tmp_path, epochs=2)
    inner = one.optimizers_step

    def step():
        inner()
        if one.epoch_counter.current == 2 and one.step == 4:
            with torch.no_grad():
                one.modules.model.network.out.weight.fill_(3e38)

    monkeypatch.setattr(one, "optimizers_step", step)
    with pytest.raises(Diverged, match="epoch 2, step 4, .*utterance u[0-9]+: the logits are not finite"):
        fit(one, dataset(30, 0))
    assert [kept.meta["epoch"] for kept in one.checkpointer.list_checkpoints()] == [1]


def test_the_check_of_the_last_epoch_changes_no_weight_and_no_draw(tmp_path, monkeypatch):
    train = dataset(30, 0)
    with_check = fit(brain(tmp_path / "a"), train)
    draws = torch.get_rng_state()
    monkeypatch.setattr(FiniteGuard, "check_outputs", lambda *_: None)
    without = fit(brain(tmp_path / "b"), train)
    assert all(torch.equal(with_check[name], without[name]) for name in without)
    assert torch.equal(draws, torch.get_rng_state())


def test_a_development_part_with_outputs_that_are_not_finite_stops_the_epoch(tmp_path, monkeypatch):
    one = brain(tmp_path, select=True)
    network = one.modules.model.network
    inner = network.forward

    def forward(features, lengths):
        found = inner(features, lengths)
        return found if network.training else {**found, "logits": found["logits"] * torch.nan}

    monkeypatch.setattr(network, "forward", forward)
    with pytest.raises(Diverged, match="epoch 1, step 4, .*utterance u000: the logits are not finite"):
        fit(one, dataset(30, 0), dataset(10, 1))
    assert not one.checkpointer.list_checkpoints()


def test_a_scheduler_without_a_rate_stops(tmp_path):
    one = brain(tmp_path, scheduler=lambda epoch: (0.05, torch.nan))
    with pytest.raises(Diverged, match="epoch 1, step 4, .*: the scheduler's next learning rate is nan"):
        fit(one, dataset(30, 0))


def test_a_feature_that_is_not_finite_is_named_and_not_the_rate(tmp_path):
    train = dataset(30, 0)
    inner = train.__class__.__getitem__

    class Broken(train.__class__):
        def __getitem__(self, index):
            item = inner(self, index)
            if item["id"] == "u007":
                item["features"] = {"lld": item["features"]["lld"] * torch.nan}
            return item

    train.__class__ = Broken
    one = brain(tmp_path)
    with pytest.raises(UserError, match="phase net: utterance u007: feature lld is not finite: .*--stage 1") as fault:
        fit(one, train)
    assert not isinstance(fault.value, Diverged)


def test_a_trained_phase_whose_outputs_are_not_finite_is_not_scored(tmp_path):
    one = brain(tmp_path)
    torch.nn.init.constant_(one.modules.model.network.out.bias, torch.nan)
    with pytest.raises(UserError, match="phase net: utterance u000: the logits are not finite: train it again"):
        one.run(dataset(4, 0))


def test_statistics_that_are_not_finite_name_the_feature():
    check_statistics("frlm", "lld", np.zeros(2), np.ones(2))
    for mean, deviation in ((np.array([np.nan, 0]), np.ones(2)), (np.zeros(2), np.array([1, np.inf]))):
        with pytest.raises(UserError, match="phase frlm: feature lld: its mean or deviation is not finite"):
            check_statistics("frlm", "lld", mean, deviation)


def test_a_diverged_phase_is_not_done_and_goes_on_when_it_is_mended(sd_caff, tmp_path, monkeypatch):
    # Rows with the same keys share a phase, so that each experiment has a folder of its own.
    run = replace(sd_caff, exp=str(tmp_path / "a"), overrides=test_sd_caff_phases.tiny(checkpoint_epochs="1"))
    usual = replace(run, exp=str(tmp_path / "b"))
    inner = FiniteGuard.check_loss
    calls = []

    def check_loss(self, loss):
        calls.append(1)
        inner(self, loss * (torch.nan if len(calls) > 2 else 1.0))

    monkeypatch.setattr(FiniteGuard, "check_loss", check_loss)
    with pytest.raises(Diverged, match="phase sd_caff, epoch 2, step 1"):
        train_fold(run, FOLD)
    (step,) = phases_of(Experiment(run), FOLD)
    assert step.done is None and not is_trained(Experiment(run), FOLD)
    monkeypatch.undo()
    states = []
    for spec in (run, usual):
        train_fold(spec, FOLD)
        (step,) = phases_of(Experiment(spec), FOLD)
        states.append(torch.load(step.folder / "save" / step.done.checkpoint / "model.ckpt", weights_only=True))
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("what", ["features", "scores"])
def test_a_classifier_with_values_that_are_not_finite_is_not_done(tmp_path, repository, monkeypatch, what):
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    test_classifier_phase.make_corpus(tmp_path)
    spec = test_classifier_phase.spec_of(tmp_path, repository, "--c_grid", "[0.001]")
    step = test_classifier_phase.phase_of(spec)
    if what == "features":
        inner = type(step)._rows
        monkeypatch.setattr(type(step), "_rows", lambda self, ids: inner(self, ids) * np.nan)
    else:
        monkeypatch.setattr("speechbrain_ext.training.svm.LinearSVM.scores", lambda self, rows: rows[:, :2] * np.inf)
    with pytest.raises(UserError, match=f"phase egemaps: the {what} of utterance .* are not finite"):
        train_fold(spec, test_classifier_phase.FOLD)
    assert step.done is None and not list(step.folder.glob("model-*"))


def test_the_log_of_a_phase_is_json_without_nan(sd_caff, tmp_path):
    run = replace(sd_caff, exp=str(tmp_path))
    train_fold(run, FOLD)
    (step,) = phases_of(Experiment(run), FOLD)
    for line in (step.folder / f"train_log-{step.name}.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} in the log"))
