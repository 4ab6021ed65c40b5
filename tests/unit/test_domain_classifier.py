"""Gradient reversal against finite differences, the domain loss, and the published schedules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from speechbrain_ext.lobes.domain_classifier import DomainClassifier, reverse_gradient
from speechbrain_ext.training.domain_schedule import progress_of, rate_factor, reversal_strength

STEP = 1e-6


def parts(seed: int = 0) -> tuple[DomainClassifier, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    source, target = (torch.randn(size, 4, generator=generator, dtype=torch.float64) for size in (3, 5))
    classifier = DomainClassifier(4, 6).double()
    return classifier, source, target + 1


def plain_loss(classifier: DomainClassifier, source: torch.Tensor, target: torch.Tensor) -> float:
    """The domain loss by scikit-learn."""
    with torch.no_grad():
        posteriors = [classifier.layers(x).softmax(1).numpy() for x in (source, target)]
    return sum(log_loss([domain] * len(rows), rows, labels=[0, 1]) for domain, rows in enumerate(posteriors))


def differences(tensor: torch.Tensor, value) -> np.ndarray:
    """Central finite differences of a function of a tensor that is changed in place."""
    found = np.zeros(tensor.shape)
    for place in np.ndindex(*tensor.shape):
        kept = tensor[place].item()
        values = []
        for step in (STEP, -STEP):
            tensor[place] = kept + step
            values.append(value())
        tensor[place] = kept
        found[place] = (values[0] - values[1]) / (2 * STEP)
    return found


def test_the_domain_loss_is_the_mean_of_each_domain_added():
    classifier, source, target = parts()
    assert classifier.loss(source, target, 0.3).item() == pytest.approx(plain_loss(classifier, source, target), 1e-5)


@pytest.mark.parametrize("strength", [0.0, 0.4, 2.0])
def test_the_features_gradient_is_reversed_and_the_classifier_s_own_is_plain(strength):
    classifier, source, target = parts()
    for features in (source, target):
        features.requires_grad_()
    classifier.loss(source, target, strength).backward()
    with torch.no_grad():
        for features in (source, target):
            expected = -strength * differences(features.detach(), lambda: plain_loss(classifier, source, target))
            np.testing.assert_allclose(features.grad.numpy(), expected, rtol=1e-4, atol=1e-7)
        for weights in classifier.parameters():
            expected = differences(weights.data, lambda: plain_loss(classifier, source, target))
            np.testing.assert_allclose(weights.grad.numpy(), expected, rtol=1e-4, atol=1e-7)
    assert all(weights.grad.abs().sum() > 0 for weights in classifier.parameters())


def test_the_hidden_layer_has_a_hundred_units_unless_told_otherwise():
    assert [tuple(each.shape) for each in DomainClassifier(7).parameters()] == [(100, 7), (100,), (2, 100), (2,)]


def test_forward_changes_nothing():
    x = torch.randn(3, 2)
    assert torch.equal(reverse_gradient(x, 7.0), x)


# p, 2 / (1 + exp(-10 p)) - 1, (1 + 10 p)^-0.75, worked out apart from the code.
SCHEDULE = [
    (0.0, 0.0, 1.0),
    (0.1, 0.46211715726000973, 0.5946035575013605),
    (0.3, 0.9051482536448664, 0.35355339059327373),
    (0.5, 0.9866142981514303, 0.26084743001221455),
    (1.0, 0.9999092042625951, 11**-0.75),
]


@pytest.mark.parametrize(("progress", "strength", "rate"), SCHEDULE)
def test_schedules_are_the_paper_s(progress, strength, rate):
    assert reversal_strength(progress) == pytest.approx(strength, abs=1e-12)
    assert reversal_strength(progress) == pytest.approx(np.tanh(5 * progress), abs=1e-12)
    assert rate_factor(progress) == pytest.approx(rate, abs=1e-12)


def test_progress_counts_all_steps():
    found = [progress_of(epoch, step, 3, 4) for epoch in (1, 2, 3) for step in (1, 2, 3, 4)]
    assert found == pytest.approx([number / 12 for number in range(12)])
