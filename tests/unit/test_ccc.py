"""The loss of regression against numpy and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext.losses.ccc import concordance_loss


def by_numpy(found: np.ndarray, truth: np.ndarray) -> float:
    """Lin's equation 1 in a loop over dimensions, with the covariance matrix of the population."""
    losses = []
    for one, other in zip(found.T, truth.T, strict=True):
        (a, c), (_, b) = np.cov(one, other, ddof=0)
        losses.append(1 - 2 * c / (a + b + (one.mean() - other.mean()) ** 2))
    return float(np.mean(losses))


@pytest.mark.parametrize("size", [2, 3, 40])
def test_it_is_one_minus_the_coefficient(size):
    random = np.random.default_rng(size)
    truth = random.normal(size=(size, 3))
    found = 0.7 * truth + random.normal(0.4, 0.5, (size, 3))
    loss = concordance_loss(torch.tensor(found), torch.tensor(truth))
    assert loss.item() == pytest.approx(by_numpy(found, truth), abs=1e-6)
    assert loss.item() == pytest.approx(concordance_loss(torch.tensor(truth), torch.tensor(found)).item(), abs=1e-12)


def test_its_ends():
    truth = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    truth = truth - truth.mean(0)
    assert concordance_loss(truth, truth).item() == pytest.approx(0, abs=1e-7)
    assert concordance_loss(-truth, truth).item() == pytest.approx(2, abs=1e-7)
    assert concordance_loss(truth + 1e6, truth).item() == pytest.approx(1, abs=1e-6)


def test_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(2)
    found, truth = torch.randn(2, 6, 3, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda x: concordance_loss(x, truth), found.requires_grad_())


@pytest.mark.parametrize("constant", ["predictions", "truth", "both", "one utterance"])
def test_a_constant_batch_has_a_loss_of_one_and_a_finite_gradient(constant):
    found, truth = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(3))
    if constant in ("predictions", "both"):
        found = torch.full((5, 2), 0.5)
    if constant in ("truth", "both"):
        truth = torch.full((5, 2), 0.5)
    if constant == "one utterance":
        found, truth = found[:1], truth[:1]
    found = found.clone().requires_grad_()
    loss = concordance_loss(found, truth)
    loss.backward()
    assert loss.item() == pytest.approx(1, abs=1e-5) and torch.isfinite(found.grad).all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"expected values \[4, 2\] as the predictions, found \[4, 3\]"):
        concordance_loss(torch.zeros(4, 2), torch.zeros(4, 3))
