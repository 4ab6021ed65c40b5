"""Center loss and joint loss against loops, and what optimisers make of the centers' gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from speechbrain_ext.losses.center import CenterLoss
from speechbrain_ext.losses.joint import JointCenterLoss


def batch(n=6):
    torch.manual_seed(4)
    sizes = {"emotion": 4, "gender": 2, "emotion_center": 4, "gender_center": 2}
    outputs = {name: torch.randn(n, size, dtype=torch.float64) for name, size in sizes.items()}
    return outputs, torch.tensor([0, 3, 1, 1, 2, 0]), torch.tensor([1, 0, -1, 0, -1, 1])


def center_by_loop(outputs, labels, centers):
    total = 0.0
    for x, label in zip(outputs.tolist(), labels.tolist(), strict=True):
        total += sum((f - c) ** 2 for f, c in zip(x, centers.tolist()[label], strict=True))
    return total / len(labels)


def test_center_loss_equals_the_loop_and_finite_differences():
    outputs, emotion, _ = batch()
    loss = CenterLoss(4, 4).double()
    value = loss(outputs["emotion_center"], emotion)
    assert value.item() == pytest.approx(center_by_loop(outputs["emotion_center"], emotion, loss.centers), rel=1e-13)
    x = outputs["emotion_center"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x, _: loss(x, emotion), (x, loss.centers))
    shares = one_hot(emotion, 4).double()
    assert loss(x, shares).item() == pytest.approx(value.item(), rel=1e-13)
    assert torch.autograd.gradcheck(lambda x, _: loss(x, shares * 0.5 + 0.125), (x, loss.centers))


def test_unknown_targets_do_not_enter():
    outputs, _, gender = batch()
    loss = CenterLoss(2, 2).double()
    known = gender >= 0
    expected = loss(outputs["gender_center"][known], gender[known])
    assert loss(outputs["gender_center"], gender).item() == pytest.approx(expected.item(), rel=1e-14)
    assert loss(outputs["gender_center"], torch.full((6,), -1)).item() == 0


@pytest.mark.parametrize("gender", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_joint_loss_is_equation_8(center, gender):
    outputs, emotion, sexes = batch()
    loss = JointCenterLoss(4, mu=0.6, lambda_=0.2, center=center, gender=gender).double()
    total, parts = loss(outputs, emotion, sexes)
    known = sexes >= 0
    expected = 0.6 * cross_entropy(outputs["emotion"], emotion)
    if center:
        expected += 0.6 * 0.2 * center_by_loop(outputs["emotion_center"], emotion, loss.center_emotion.centers)
    if gender:
        expected += 0.4 * cross_entropy(outputs["gender"][known], sexes[known])
    if center and gender:
        centers = loss.center_gender.centers
        expected += 0.4 * 0.2 * center_by_loop(outputs["gender_center"][known], sexes[known], centers)
    assert total.item() == pytest.approx(expected.item(), rel=1e-12)
    assert len(parts) == (1 + center) * (1 + gender) and len(loss.centers()) == center * (1 + gender)


def test_shares_of_one_class_each_are_that_class():
    outputs, emotion, sexes = batch()
    loss = JointCenterLoss(4).double()
    hard, soft = (loss(outputs, target, sexes)[0].item() for target in (emotion, one_hot(emotion, 4).double()))
    assert soft == pytest.approx(hard, rel=1e-13)


def test_no_known_gender_gives_finite_gradients():
    outputs, emotion, _ = batch()
    outputs["gender"].requires_grad_()
    total, parts = JointCenterLoss(4).double()(outputs, emotion, torch.full((6,), -1))
    total.backward()
    assert parts["ce_gender"].item() == 0 and parts["center_gender"].item() == 0
    assert outputs["gender"].grad.abs().sum() == 0


def moved_by_sgd(mu, lambda_, rate, **keys):
    """How far one step of an SGD moves the centers of both tasks, and what the plain center losses ask for."""
    outputs, emotion, sexes = batch()
    torch.manual_seed(0)
    loss = JointCenterLoss(4, mu=mu, lambda_=lambda_, **keys).double()
    before = [centers.detach().clone() for centers in loss.centers()]
    known = sexes >= 0
    pairs = ((outputs["emotion_center"], emotion), (outputs["gender_center"][known], sexes[known]))
    asked = []
    for (rows, labels), centers in zip(pairs, before, strict=True):
        gradient = torch.zeros_like(centers)
        for row, label in zip(rows, labels, strict=True):
            gradient[label] += 2 * (centers[label] - row) / len(rows)
        asked.append(-rate * gradient)
    loss(outputs, emotion, sexes)[0].backward()
    torch.optim.SGD(loss.centers(), lr=rate).step()
    return [c.detach() - b for c, b in zip(loss.centers(), before, strict=True)], asked


@pytest.mark.parametrize(("mu", "lambda_"), [(0.7, 0.15), (0.4, 0.5)])
def test_the_effective_rate_of_the_centers_is_that_of_their_optimiser(mu, lambda_):
    moved, asked = moved_by_sgd(mu, lambda_, 0.1, center_gradient="effective")
    for one, other in zip(moved, asked, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)
    moved, asked = moved_by_sgd(mu, lambda_, 0.1)
    for one, other, share in zip(moved, asked, (mu, 1 - mu), strict=True):
        torch.testing.assert_close(one, share * lambda_ * other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("mu", "lambda_"), [(1.0, 0.15), (0.0, 0.15), (0.7, 0.0)])
def test_centers_without_weight_stay_and_nothing_is_divided_by_0(mu, lambda_):
    moved, _ = moved_by_sgd(mu, lambda_, 0.1, center_gradient="effective")
    weights = (mu * lambda_, (1 - mu) * lambda_)
    assert all(step.isfinite().all() for step in moved)
    assert [bool(step.abs().sum()) for step in moved] == [weight > 0 for weight in weights]


def test_the_official_factor_is_the_emotions_alone_follows_the_rate_and_adam_undoes_it():
    outputs, emotion, sexes = batch()
    moved = {}
    for kind, rate in (("plain", 5e-4), ("official", 5e-4), ("official", 5e-5)):
        torch.manual_seed(0)
        loss = JointCenterLoss(4, center_gradient=kind).double()
        loss.follow_rate(rate)
        start = [centers.detach().clone() for centers in loss.centers()]
        loss(outputs, emotion, sexes)[0].backward()
        grads = [centers.grad.clone() for centers in loss.centers()]
        torch.optim.Adam(loss.centers(), lr=5e-4).step()
        moved[kind, rate] = grads, [c.detach() - s for c, s in zip(loss.centers(), start, strict=True)]
    plain, step = moved["plain", 5e-4]
    for rate, factor in ((5e-4, 1333.3333333333333), (5e-5, 13333.333333333333)):
        scaled, scaled_step = moved["official", rate]
        torch.testing.assert_close(scaled[0], factor * plain[0], rtol=1e-12, atol=0)
        assert torch.equal(scaled[1], plain[1])
        torch.testing.assert_close(scaled_step[0], step[0], rtol=0, atol=1e-8)
    assert step[0].abs().max() > 4.9e-4


def test_wrong_arguments_are_named():
    outputs, emotion, _ = batch()
    with pytest.raises(ValueError, match="gender: expected indices"):
        JointCenterLoss(4).double()(outputs, emotion)
    with pytest.raises(ValueError, match="center_gradient: expected one of plain, effective, official, found 'own'"):
        JointCenterLoss(4, center_gradient="own")
    with pytest.raises(ValueError, match="expected mu from 0 to 1"):
        JointCenterLoss(4, mu=1.5)
    with pytest.raises(ValueError, match=r"expected outputs \[batch, 3\], found \[6, 4\]"):
        CenterLoss(4, 3)(outputs["emotion"].float(), emotion)
    with pytest.raises(ValueError, match=r"expected shares \[batch, 5\]"):
        CenterLoss(5, 4)(outputs["emotion"].float(), torch.zeros(6, 4))
    with pytest.raises(ValueError, match="at least 1 class"):
        CenterLoss(0, 4)
