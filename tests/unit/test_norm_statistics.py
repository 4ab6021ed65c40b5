"""Adaptive batch normalisation: each layer against numpy, and every system's layers by what they give out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from speechbrain_ext.lobes.amsnet import URLM
from speechbrain_ext.lobes.mask_block import MaskedNorm
from speechbrain_ext.lobes.masking import MaskedBatchNorm1d, prefix_mask
from speechbrain_ext.lobes.sd_caff_classifier import SDCAFFClassifier
from speechbrain_ext.training.norm_statistics import adapt_norms, batch_norms


class Two(nn.Module):
    """Two batch norms that run in another order than they are declared in."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = nn.BatchNorm1d(2), nn.BatchNorm1d(3)
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return self.last(torch.relu(self.layer(self.first(x))))


def normalised(x: np.ndarray, norm: nn.Module) -> np.ndarray:
    """Normalise [value, channel] with its own mean and variance, by numpy."""
    scale, shift = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    return (x - x.mean(0)) / np.sqrt(x.var(0) + norm.eps) * scale + shift


def test_each_layer_is_given_what_the_layers_before_it_make_of_the_target():
    torch.manual_seed(0)
    network = Two()
    for norm in (network.first, network.last):
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    parts = [torch.randn(size, 3) * 4 + size for size in (5, 8, 2)]
    adapt_norms(network, lambda: _ignore([network(part) for part in parts]))
    rows = torch.cat(parts).numpy()
    np.testing.assert_allclose(network.first.running_mean, rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(network.first.running_var, rows.var(0), rtol=1e-5)
    with torch.no_grad():
        hidden = torch.relu(network.layer(torch.from_numpy(normalised(rows, network.first)))).numpy()
        np.testing.assert_allclose(network.last.running_mean, hidden.mean(0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(network.last.running_var, hidden.var(0), rtol=1e-4, atol=1e-6)
        found = torch.cat([network(part) for part in parts]).numpy()
    np.testing.assert_allclose(found, normalised(hidden, network.last), rtol=1e-3, atol=1e-5)
    assert not network.training and not network.first._forward_pre_hooks


@pytest.mark.parametrize("statistics", ["all", "valid"])
def test_masked_places_count_as_they_do_in_training(statistics):
    """A training step with momentum 1 leaves the statistics of its batch: the same places must count."""
    x, mask = torch.randn(3, 6, 2) * 3 + 1, prefix_mask(torch.tensor([6, 2, 4]), 6)
    trained, adapted = MaskedNorm(2, statistics), MaskedNorm(2, statistics)
    trained.norm.momentum = 1.0
    trained.train()(x, mask)
    adapt_norms(adapted, lambda: _ignore(adapted(x, mask)))
    count = 18 if statistics == "all" else 12
    torch.testing.assert_close(adapted.norm.running_mean, trained.norm.running_mean)
    # The running variance of a training is that of a sample.
    torch.testing.assert_close(adapted.norm.running_var, trained.norm.running_var * (count - 1) / count)


def test_padding_does_not_count_in_a_masked_batch_norm():
    norm, x = MaskedBatchNorm1d(2), torch.randn(2, 4, 2)
    adapt_norms(norm, lambda: _ignore(norm(x, prefix_mask(torch.tensor([4, 1]), 4))))
    rows = torch.cat([x[0], x[1, :1]])
    torch.testing.assert_close(norm.running_mean, rows.mean(0))
    torch.testing.assert_close(norm.running_var, rows.var(0, correction=0))


def _ignore(_: object) -> None:
    """Take a network's output for a function that returns nothing."""


def lobe(name: str) -> tuple[nn.Module, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A lobe, and features and lengths of a batch for it."""
    torch.manual_seed(0)
    if name == "urlm":
        urlm = URLM(n_mels=8, channels=(6, 5, 4), kernels=(3, 3, 3), reduction=2, embedding_size=4, n_classes=3)
        return urlm, {"logmel": torch.randn(6, 9, 8) * 2 + 5}, {"logmel": torch.full((6,), 9)}
    # Its batch norm and dynamic rectifier are one step that never calls the norm.
    cnn = SDCAFFClassifier(n_classes=3, variant="cnn", hidden_size=8, center=False, gender=False)
    return cnn, {"mfcc": torch.randn(3, 126, 180) * 3 + 2}, {"mfcc": torch.full((3,), 126)}


@pytest.mark.parametrize(("name", "count"), [("urlm", 3), ("sd_caff", 5)])
def test_every_layer_of_a_lobe_is_standardised_on_the_target(name, count):
    network, features, lengths = lobe(name)
    norms = batch_norms(network)
    assert len(norms) == count
    adapt_norms(network, lambda: _ignore(network(features, lengths)["logits"]))
    seen: list[torch.Tensor] = []  # cloned, as a rectifier may work in place
    axis = 2 if name == "urlm" else 1
    for norm in norms:
        norm.register_forward_hook(lambda norm, _, out: seen.append(out.movedim(axis, -1).clone()))
    with torch.no_grad():
        network(features, lengths)
    assert len(seen) == count
    for out in seen:
        # Scale and shift of a new layer are 1 and 0.
        rows = out.flatten(0, -2)  # [place, channel]
        torch.testing.assert_close(rows.mean(0), torch.zeros(rows.shape[1]), atol=1e-4, rtol=0)
        assert torch.all((rows.var(0, correction=0) - 1).abs() < 1e-2)


def test_the_fused_step_gives_what_the_hooked_one_gives():
    network, features, lengths = lobe("sd_caff")
    network.eval()
    with torch.no_grad():
        fused = network(features, lengths)["logits"]
        batch_norms(network)[0].register_forward_hook(lambda *_: None)
        torch.testing.assert_close(network(features, lengths)["logits"], fused, rtol=1e-4, atol=1e-5)
