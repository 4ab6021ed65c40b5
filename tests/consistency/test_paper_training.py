"""Optimisers and learning rates as they are when a training runs, against what the papers print."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from paper_settings import CORPORA
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.data_pipeline import provides, takes
from speechbrain.utils.epoch_loop import EpochCounter
from tiny_ssl import write_tiny

from speechbrain_ext import hparams
from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.training.checkpoints import SafeCheckpointer
from speechbrain_ext.training.network_phase import NetworkPhase
from speechbrain_ext.training.phase_model import PhaseModel
from speechbrain_ext.training.run_spec import RunSpec

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
RMSPROP = (torch.optim.RMSprop, {"lr": 1e-4, "momentum": 0, "alpha": 0.99, "weight_decay": 0.0})
SGD = (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "dampening": 0, "nesterov": False, "weight_decay": 1e-5})
FUSION = (torch.optim.Adam, {"lr": 0.001, "betas": (0.93, 0.98), "weight_decay": 0.0})
ADAM = (torch.optim.Adam, {"lr": 0.005, "betas": (0.9, 0.999), "weight_decay": 1e-6})
ADAMW = (torch.optim.AdamW, {"lr": 1e-5, "betas": (0.9, 0.999), "weight_decay": 0.01})
STAGE_1 = [0.01] * 40 + [0.001] * 80 + [0.0001] * 280
# By system, preset and phase: optimiser, batch size, epochs, and the learning rate of every epoch where it changes.
# Chen et al. print no epochs: those of AMSNet are typed in paper_settings.
TYPED = {
    ("am_resnet", "paper", "resnet"): (SGD, 32, 400, STAGE_1),
    ("am_resnet", "paper", "m_resnet"): (SGD, 32, 400, STAGE_1),
    ("am_resnet", "paper", "am_resnet"): (SGD, 32, 400, STAGE_1),
    ("am_resnet_w2v2_ca", "paper", "am_resnet"): (SGD, 32, 400, STAGE_1),
    ("am_resnet_w2v2_ca", "paper", "ca"): (FUSION, 64, 300, None),
    ("am_resnet_w2v2_ca", "paper", "fc"): (FUSION, 64, 300, None),
    ("amsnet", "paper", "frlm"): (RMSPROP, None, None, None),
    ("amsnet", "paper", "urlm"): (RMSPROP, None, None, None),
    ("amsnet", "paper", "fusion"): (RMSPROP, None, None, None),
    ("amsnet", "paper", "concat"): (RMSPROP, None, None, None),
    ("amsnet", "paper", "early"): (RMSPROP, None, None, None),
    ("sd_caff", "paper", "sd_caff"): (ADAM, 32, 30, [5e-3] * 11 + [5e-4] * 10 + [5e-5] * 9),
    ("sd_caff", "official", "sd_caff"): (
        (ADAM[0], ADAM[1] | {"lr": 0.0005}),
        32,
        30,
        [5e-4] * 11 + [5e-5] * 10 + [5e-6] * 9,
    ),
    ("ca_mser", "paper", "ca_mser"): (ADAMW, 64, 100, None),
    ("ca_mser", "official", "ca_mser"): (ADAMW, 64, 100, None),
}
AMSNET = {"EmoDB": (256, 200), "IEMOCAP": (64, 100), "MSP-IMPROV": (64, 100)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("models") / "tiny"))


def phase_of(recipe: str, system: str, preset: str, phase: str, model: str, folder: Path) -> NetworkPhase:
    """A phase as training builds it, without a corpus."""
    known = hparams.load_system(RECIPES / recipe, system).tree
    overrides = {key: value for key, value in {"ssl_model": model}.items() if key in known}
    hp = hparams.load_system(RECIPES / recipe, system, overrides, preset=preset)
    spec = RunSpec(str(RECIPES / recipe), system, str(folder), str(folder), str(folder / "cache"))
    facts = {"hp": hp, "spec": spec, "selection": "last", "task": hp.task, "utterances": {}}
    experiment = SimpleNamespace(**facts, phase_folder=lambda name, fold: folder)
    return NetworkPhase(experiment, phase, "1", dict.fromkeys(hp.frozen(phase)))


def one_item() -> DynamicItemDataset:
    """A dataset of one item, so that an epoch is one optimiser step."""

    @takes("id")
    @provides("features")
    def features(identity):
        return {"x": torch.ones(2, 3)}

    data = {"a": {"target": 0, "shares": torch.tensor([1.0, 0.0])}}
    return DynamicItemDataset(data, dynamic_items=[features], output_keys=["id", "target", "shares", "features"])


class Net(BaseNetwork):
    """A linear layer over the mean of frames."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, features, lengths):
        mean = features["x"].mean(1)
        return {"logits": self.linear(mean), "embedding": mean}


def brain_of(step: NetworkPhase, folder: Path):
    model = PhaseModel(Net(), {})
    settings = replace(step._settings(model), checkpoint_epochs=10**6)
    recoverables = {"model": model, "history": settings.history}
    return step._brain(model, SafeCheckpointer(folder / "save", recoverables), settings)


@pytest.mark.parametrize("recipe", CORPORA)
@pytest.mark.parametrize(("system", "preset", "phase"), TYPED)
def test_the_optimiser_is_the_paper_s(recipe, system, preset, phase, model, tmp_path):
    (kind, options), batch_size, epochs, _ = TYPED[system, preset, phase]
    step = phase_of(recipe, system, preset, phase, model, tmp_path)
    optimizer = brain_of(step, tmp_path).opt_class(torch.nn.Linear(2, 2).parameters())
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert {key: group[key] if key != "betas" else tuple(group[key]) for key in options} == options
    if system == "amsnet":
        batch_size, epochs = AMSNET[recipe]
        if phase in ("fusion", "concat"):
            epochs = step.epochs  # (r) the head's number has its own key
    assert (step.training.batch_size, step.epochs) == (batch_size, epochs)


@pytest.mark.parametrize(("system", "preset", "phase"), [key for key, typed in TYPED.items() if typed[3]])
def test_every_epoch_runs_at_the_paper_s_learning_rate(system, preset, phase, model, tmp_path):
    """Of a training that ran, from the optimiser's own rate in each of its steps."""
    step = phase_of("IEMOCAP", system, preset, phase, model, tmp_path)
    brain, rates = brain_of(step, tmp_path), []
    taken = brain.optimizers_step

    def optimizers_step():
        rates.append(brain.optimizer.param_groups[0]["lr"])
        taken()

    brain.optimizers_step = optimizers_step
    brain.fit(EpochCounter(step.epochs), one_item(), train_loader_kwargs={"batch_size": 1})
    assert rates == pytest.approx(TYPED[system, preset, phase][3], rel=1e-9)
    assert [row["lr"] for row in brain.hparams.history.rows] == rates


@pytest.mark.parametrize("key", [key for key, typed in TYPED.items() if not typed[3]], ids="-".join)
def test_the_other_phases_have_a_constant_rate(key, model, tmp_path):
    step = phase_of("IEMOCAP", *key, model, tmp_path)
    assert step.training.scheduler is None
