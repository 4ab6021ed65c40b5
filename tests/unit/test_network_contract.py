"""The contract of a network: what every system's network offers, and one clear error where one does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext import hparams
from speechbrain_ext.hparams.recipe_files import list_systems
from speechbrain_ext.lobes.network import MEMBERS, BaseNetwork, check_network, declared_network
from speechbrain_ext.lobes.ssl_finetune import SSLFinetune
from speechbrain_ext.training.phase_model import PhaseModel
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.repository import REPOSITORY

RECIPE = REPOSITORY / "recipes/EmoDB"


class Mean(BaseNetwork):
    """A network that keeps the contract by its defaults."""

    def forward(self, features, lengths):
        mean = features["lld"].sum(1) / lengths["lld"].unsqueeze(1)
        return {"logits": mean, "embedding": mean}


@pytest.mark.parametrize("system", list_systems(RECIPE))
def test_every_network_of_every_system_keeps_the_contract(system):
    for name, node in hparams.load_system(RECIPE, system).build()["phases"].items():
        if "network" in node:
            kind, options = declared_network(node["network"])
            assert issubclass(kind, BaseNetwork) and set(options) >= {"n_classes"}, name
            assert kind.min_batch_size >= 1 and isinstance(kind.vectors, tuple)
            assert kind.mask_feature is None or kind.mask_feature in node["features"]
            assert kind.masks_silence(**options) in (True, False)


def test_the_defaults_are_enough():
    network = Mean()
    check_network(network)
    assert network.fit_statistics(lambda name: iter([np.zeros((1, 2))])) is None
    assert Mean.outline() is None and isinstance(Mean.without_weights(), Mean) and not Mean.masks_silence()
    assert Mean.check_resources(n_classes=2) is None


def test_a_module_without_the_members_is_refused_by_name():
    with pytest.raises(UserError, match="network Linear: expected the members.*derive it from BaseNetwork") as fault:
        PhaseModel(torch.nn.Linear(1, 1), {})
    assert "\n" not in str(fault.value) and all(name in str(fault.value) for name in MEMBERS)

    class Half(torch.nn.Module):
        vectors, min_batch_size, trains_on_dimensions, mask_feature = (), 1, True, None
        fit_statistics = check_resources = without_weights = outline = print

    with pytest.raises(UserError, match="found no masks_silence: "):
        declared_network(Half)
    with pytest.raises(UserError, match="network: expected a class after !name:, found 'declared_network'"):
        declared_network(declared_network)


def test_relative_lengths_are_refused():
    features = {"lld": torch.ones(2, 4, 3)}
    model = PhaseModel(Mean(), {})
    assert model(features, {"lld": torch.tensor([4, 2])})["logits"].tolist() == [[1.0] * 3, [2.0] * 3]
    with pytest.raises(ValueError, match="lld: expected numbers of frames.*relative lengths.*round"):
        model(features, {"lld": torch.tensor([1.0, 0.5])})


def test_a_network_for_a_checkpoint_needs_no_model():
    assert SSLFinetune.without_weights(ssl_model="no/such-model", n_classes=4).encoder is None
