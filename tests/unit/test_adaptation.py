"""Deep CORAL and DANN in a training, against loops without the Brain; what a run draws, and what it must not read."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.data_pipeline import provides, takes
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from speechbrain_ext.dataio.collate import add_unlabelled, collate
from speechbrain_ext.lobes.domain_classifier import DomainClassifier
from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.training.adaptation import Adaptation, AdversarialPenalty, CoralPenalty, embedding_size
from speechbrain_ext.training.brain import EmotionBrain
from speechbrain_ext.training.brain_settings import BrainSettings
from speechbrain_ext.training.checkpoints import SafeCheckpointer
from speechbrain_ext.training.phase_model import PhaseModel
from speechbrain_ext.training.schedule import PiecewiseRate
from speechbrain_ext.utils.errors import UserError

SOURCE, TARGET, RATE = 12, 12, 0.01


class Net(BaseNetwork):
    """Mean over real frames, one hidden layer, no dropout: an epoch of one batch does not depend on its order."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, features, lengths):
        x, n = features["lld"], lengths["lld"]
        real = (torch.arange(x.shape[1])[None] < n[:, None]).float()[..., None]  # [batch, time, 1]
        embedding = torch.tanh(self.hidden((x * real).sum(1) / n[:, None]))
        return {"logits": self.out(embedding), "embedding": embedding}


def dataset(size: int, seed: int, shift: float = 0.0, labels: int = 0) -> DynamicItemDataset:
    """Items of 2 to 5 frames; `labels` turns the labels round."""
    generator = torch.Generator().manual_seed(seed)
    frames = {f"u{i:03d}": torch.randn(2 + i % 4, 4, generator=generator) + shift * (i % 2) for i in range(size)}

    @takes("id")
    @provides("features")
    def features(identity):
        return {"lld": frames[identity]}

    data = {
        name: {"target": (i + labels) % 3, "shares": torch.eye(3)[(i + labels) % 3]} for i, name in enumerate(frames)
    }
    return DynamicItemDataset(data, dynamic_items=[features], output_keys=["id", "target", "shares", "features"])


def penalty_of(name: str, strength: float) -> CoralPenalty | AdversarialPenalty:
    if name == "coral":
        return CoralPenalty(strength)
    torch.manual_seed(7)
    return AdversarialPenalty(DomainClassifier(5, 6), strength)


def brain(folder, penalty, target, epochs=6, **more) -> EmotionBrain:
    torch.manual_seed(1)
    model = PhaseModel(Net(), {})
    adaptation = None if penalty is None else Adaptation(target, penalty, seed=3)
    settings = BrainSettings(**{"seed": 1, "batch_size": SOURCE, "phase_name": "net", "adaptation": adaptation, **more})
    counter = EpochCounter(epochs)
    checkpointer = SafeCheckpointer(folder, {"model": model, "counter": counter, "history": settings.history})
    options = {"device": "cpu", "noprogressbar": True, "max_grad_norm": 1e9}
    one = EmotionBrain({"model": model}, partial(torch.optim.SGD, lr=RATE), settings, options, checkpointer)
    one.epoch_counter = counter
    return one


def fit(one: EmotionBrain, train: DynamicItemDataset) -> dict[str, torch.Tensor]:
    one.fit(one.epoch_counter, train)
    return {name: value.clone() for name, value in one.modules.state_dict().items()}


def all_of(items: DynamicItemDataset):
    """All items of a dataset as one batch."""
    return collate([items[place] for place in range(len(items))])


def test_deep_coral_is_cross_entropy_plus_the_distance_of_covariances(tmp_path):
    source, target, epochs, weight = dataset(SOURCE, 0), dataset(TARGET, 1, shift=3.0), 6, 4.0
    found = fit(brain(tmp_path, penalty_of("coral", weight), target, epochs), source)
    torch.manual_seed(1)
    net, one, other = Net(), all_of(source), all_of(target)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    for _ in range(epochs):
        logits, others = (net(each.features, each.lengths)["logits"] for each in (one, other))
        distance = (torch.cov(logits.T) - torch.cov(others.T)).square().sum() / (4 * 3**2)
        optimizer.zero_grad()
        (nn.functional.cross_entropy(logits, one.targets) + weight * distance).backward()
        optimizer.step()
    for name, value in net.state_dict().items():
        torch.testing.assert_close(found[f"model.network.{name}"], value, rtol=1e-4, atol=1e-6)
    plain = fit(brain(tmp_path / "plain", None, None, epochs), source)
    assert not torch.allclose(plain["model.network.out.weight"], found["model.network.out.weight"], atol=1e-4)


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_dann_is_the_published_saddle_point_at_the_published_rates(tmp_path, strength):
    """The network goes down its loss minus lambda times the domains' loss, the classifier of domains down that loss."""
    source, target, epochs = dataset(SOURCE, 0), dataset(TARGET, 1, shift=3.0), 8
    penalty = penalty_of("dann", strength)
    one = brain(tmp_path, penalty, target, epochs)
    found = fit(one, source)
    torch.manual_seed(1)
    net, batch, other = Net(), all_of(source), all_of(target)
    domains = penalty_of("dann", strength).classifier.layers
    for epoch in range(epochs):
        progress = epoch / epochs
        lambda_ = strength * (2 / (1 + np.exp(-10 * progress)) - 1)
        rate = RATE / (1 + 10 * progress) ** 0.75
        here, there = net(batch.features, batch.lengths), net(other.features, other.lengths)
        of_classes = nn.functional.cross_entropy(here["logits"], batch.targets)
        of_domains = sum(
            nn.functional.cross_entropy(domains(each["embedding"]), torch.full((12,), domain))
            for domain, each in enumerate((here, there))
        )
        networks, classifiers = list(net.parameters()), list(domains.parameters())
        downhill = torch.autograd.grad(of_classes - lambda_ * of_domains, networks, retain_graph=True)
        of_classifier = torch.autograd.grad(of_domains, classifiers)
        with torch.no_grad():
            for parameter, gradient in zip([*networks, *classifiers], [*downhill, *of_classifier], strict=True):
                parameter -= rate * gradient
    for name, value in net.state_dict().items():
        torch.testing.assert_close(found[f"model.network.{name}"], value, rtol=1e-4, atol=1e-6)
    for name, value in domains.state_dict().items():
        torch.testing.assert_close(found[f"penalty.classifier.layers.{name}"], value, rtol=1e-4, atol=1e-6)
    rows = one.hparams.history.rows
    assert {row["lr"] for row in rows} == {RATE}, "the log has the rate of the schedule"
    assert all(row["penalty"] > 0 for row in rows)


def test_the_schedule_of_the_system_goes_on_from_its_own_rate(tmp_path):
    one = brain(
        tmp_path,
        penalty_of("dann", 1.0),
        dataset(TARGET, 1),
        epochs=4,
        scheduler=PiecewiseRate(rates=[RATE, 0.5 * RATE], until=[2, 4]),
    )
    one.hparams.scheduler.epochs = 4
    fit(one, dataset(SOURCE, 0))
    assert [row["lr"] for row in one.hparams.history.rows] == [RATE, RATE, 0.5 * RATE, 0.5 * RATE]


@pytest.mark.parametrize("name", ["coral", "dann"])
def test_labels_of_the_target_change_nothing(tmp_path, name):
    source = dataset(30, 0)
    weights = [
        fit(brain(tmp_path / str(labels), penalty_of(name, 2.0), dataset(9, 1, 3.0, labels), batch_size=8), source)
        for labels in (0, 1)
    ]
    assert all(torch.equal(weights[0][each], weights[1][each]) for each in weights[0])
    other = fit(brain(tmp_path / "other", penalty_of(name, 2.0), dataset(9, 2, 3.0), batch_size=8), source)
    assert any(not torch.equal(weights[0][each], other[each]) for each in other), "its features change the weights"


class Killed(Exception):
    """Stands for a signal."""


@pytest.mark.parametrize("name", ["coral", "dann"])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path, name):
    source, target = dataset(30, 0), dataset(7, 1, 3.0)
    known = {"batch_size": 8, "epochs": 4}
    expected = fit(brain(tmp_path / "complete", penalty_of(name, 1.0), target, **known), source)

    def kill(epoch: int) -> None:
        if epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(brain(tmp_path / "part", penalty_of(name, 1.0), target, on_epoch=kill, **known), source)
    found = fit(brain(tmp_path / "part", penalty_of(name, 1.0), target, **known), source)
    assert all(torch.equal(expected[each], found[each]) for each in expected)


def test_a_step_draws_new_items_until_all_were_drawn_and_always_the_same():
    adaptation = Adaptation(dataset(7, 1), CoralPenalty(1.0), seed=3)
    steps = [adaptation.batch(first, 4).ids for first in range(0, 28, 4)]
    drawn = [name for step in steps for name in step]
    passes = [drawn[start : start + 7] for start in range(0, 28, 7)]
    assert all(len(set(each)) == 7 for each in passes) and len({tuple(each) for each in passes}) == 4
    again = Adaptation(dataset(7, 1), CoralPenalty(1.0), seed=3)
    assert again.batch(20, 4).ids == steps[5]
    assert Adaptation(dataset(7, 1), CoralPenalty(1.0), seed=4).batch(0, 7).ids != passes[0]


def test_every_step_of_a_training_has_as_many_items_of_the_target(tmp_path, monkeypatch):
    asked: list[tuple[int, int]] = []
    adaptation = Adaptation(dataset(7, 1), CoralPenalty(1.0), seed=3)
    one = brain(tmp_path, None, None, epochs=2, batch_size=8, adaptation=adaptation)
    drawn = adaptation.batch
    monkeypatch.setattr(adaptation, "batch", lambda *asks: asked.append(asks) or drawn(*asks))
    fit(one, dataset(30, 0))
    assert asked == [(0, 8), (8, 8), (16, 8), (24, 6), (32, 8), (40, 8), (48, 8), (56, 6)]


@pytest.mark.parametrize(("name", "items", "steps"), [("coral", 25, 3), ("coral", 26, 4), ("dann", 25, 4)])
def test_a_last_batch_without_a_covariance_is_left_out(tmp_path, name, items, steps):
    """One utterance has no covariance, two have."""
    one = brain(tmp_path, penalty_of(name, 1.0), dataset(TARGET, 1), epochs=1, batch_size=8)
    fit(one, dataset(items, 0))
    assert one.optimizer_step == steps


def test_a_joined_batch_gives_what_each_item_gives_alone():
    torch.manual_seed(0)
    net, one, other = Net().eval(), all_of(dataset(3, 0)), all_of(dataset(6, 1))
    other.shares = torch.ones(6, 7)  # another number of classes
    joined = add_unlabelled(one, other)
    assert joined.ids == one.ids + other.ids
    logits = net(joined.features, joined.lengths)["logits"]
    parts = [net(each.features, each.lengths)["logits"] for each in (one, other)]
    torch.testing.assert_close(logits, torch.cat(parts))
    for name, none in (("targets", -1), ("shares", 0), ("genders", -1)):
        found = getattr(joined, name)
        assert torch.equal(found[:3], getattr(one, name)) and torch.all(found[3:] == none), name


def test_the_width_of_an_embedding_is_found_without_training():
    model = PhaseModel(nn.Module.train(Net()), {})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert embedding_size(model, dataset(3, 0)) == 5 and model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_several_processes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(UserError, match="adaptation: expected one process, found several"):
        brain(tmp_path, penalty_of("coral", 1.0), dataset(TARGET, 1))


def test_a_feature_of_the_target_that_is_not_finite_is_named(tmp_path):
    target = dataset(TARGET, 1)
    broken = {"u004": torch.full((3, 4), torch.nan)}

    @takes("id")
    @provides("features")
    def features(identity):
        return {"lld": broken.get(identity, torch.ones(3, 4))}

    items = DynamicItemDataset(target.data, dynamic_items=[features], output_keys=target.pipeline.output_mapping)
    with pytest.raises(UserError, match="utterance u004: feature lld is not finite"):
        fit(brain(tmp_path, penalty_of("dann", 1.0), items), dataset(SOURCE, 0))
