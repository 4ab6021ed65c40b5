"""The CORAL loss against numpy, and its gradient against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext.losses.coral import coral_loss


def draw(items: int, width: int, seed: int, spread: float = 1.0) -> torch.Tensor:
    values = np.random.default_rng(seed).normal(size=(items, width)) @ np.diag(1 + np.arange(width))
    return torch.tensor(spread * values + seed)


@pytest.mark.parametrize(("items", "others", "width"), [(8, 5, 3), (2, 9, 1), (40, 40, 6)])
def test_it_is_the_distance_of_numpy_s_covariances(items, others, width):
    source, target = draw(items, width, 1), draw(others, width, 2, spread=0.3)
    apart = np.atleast_2d(np.cov(source.numpy().T)) - np.atleast_2d(np.cov(target.numpy().T))
    expected = np.linalg.norm(apart, "fro") ** 2 / (4 * width**2)
    assert coral_loss(source, target).item() == pytest.approx(expected, rel=1e-12)


def test_only_the_covariance_counts():
    source = draw(7, 4, 3)
    assert coral_loss(source, source + 100).item() == pytest.approx(0, abs=1e-20)
    assert coral_loss(source, 2 * source).item() > 0.1


def test_its_gradient_is_that_of_finite_differences_on_both_sides():
    source, target = draw(4, 3, 4).requires_grad_(), draw(5, 3, 5).requires_grad_()
    assert torch.autograd.gradcheck(coral_loss, (source, target))


def test_autocast_does_not_lower_its_precision():
    source, target = draw(16, 8, 6).float(), draw(16, 8, 7).float()
    plain = coral_loss(source, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = coral_loss(source, target)
        halved = coral_loss(source.bfloat16(), target.bfloat16())
    assert found.dtype == halved.dtype == torch.float32 and torch.equal(found, plain)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 3), (4, 3)), "at least 2 items in each batch, found 1 and 4"),
        (((4, 3), (1, 3)), "at least 2 items in each batch, found 4 and 1"),
        (((4, 3), (4, 2)), r"of one width, found \[4, 3\] and \[4, 2\]"),
        (((4,), (4,)), "two batches"),
    ],
)
def test_batches_without_a_covariance_are_refused(shapes, message):
    with pytest.raises(ValueError, match=message):
        coral_loss(*map(torch.zeros, shapes))
