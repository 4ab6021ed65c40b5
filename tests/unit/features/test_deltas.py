"""Deltas against scipy's Savitzky-Golay filter, which librosa calls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter

from speechbrain_ext.features.deltas import DYNAMIC, PARTS, delta, dynamic, select

AXIS = {"time": -1, "coefficient": -2}


def savgol(values, axis, width=9):
    return savgol_filter(values, width, deriv=1, polyorder=1, axis=AXIS[axis], mode="interp")


@pytest.mark.parametrize("axis", AXIS)
@pytest.mark.parametrize(("width", "shape"), [(9, (3, 60, 251)), (9, (1, 9, 9)), (3, (2, 5, 7)), (5, (2, 5, 6))])
def test_equals_savitzky_golay(axis, width, shape):
    values = np.random.default_rng(0).standard_normal(shape)
    found = delta(torch.from_numpy(values), axis, width)
    assert found.shape == shape
    np.testing.assert_allclose(found.numpy(), savgol(values, axis, width), atol=1e-12)
    assert torch.equal(delta(torch.from_numpy(values[0]), axis, width), found[0])


def test_equals_the_papers_sum_inside():
    values = np.random.default_rng(1).standard_normal((4, 20))
    found = delta(torch.from_numpy(values)).numpy()
    for frame in range(4, 16):
        total = sum(n * (values[:, frame + n] - values[:, frame - n]) for n in range(1, 5))
        np.testing.assert_allclose(found[:, frame], total / (2 * (1 + 4 + 9 + 16)), atol=1e-12)


def test_the_axes_differ():
    values = torch.from_numpy(np.random.default_rng(2).standard_normal((12, 12)))
    assert torch.allclose(delta(values, "coefficient"), delta(values.T, "time").T)
    assert not torch.allclose(delta(values, "coefficient"), delta(values, "time"))


@pytest.mark.parametrize("axis", AXIS)
def test_batch_mates_and_what_lies_behind_the_end_change_nothing(axis):
    rng = np.random.default_rng(3)
    lengths = [9, 30, 17]
    batch = torch.full((3, 12, 30), 1e3, dtype=torch.float64)
    alone = [torch.from_numpy(rng.standard_normal((12, n))) for n in lengths]
    for row, values in zip(batch, alone, strict=True):
        row[:, : values.shape[1]] = values
    found = dynamic(batch, "M+D+DD", axis, lengths=torch.tensor(lengths))[:, 12:]
    for row, values in zip(found, alone, strict=True):
        frames = values.shape[1]
        expected = dynamic(values, "D+DD", axis)
        assert torch.allclose(row[:, :frames], expected, atol=1e-12) and not row[:, frames:].any()


@pytest.mark.parametrize("parts", DYNAMIC)
@pytest.mark.parametrize("axis", AXIS)
def test_the_seven_inputs(parts, axis):
    mfcc = np.random.default_rng(4).standard_normal((2, 10, 15))
    known = {"M": mfcc, "D": savgol(mfcc, axis), "DD": savgol(savgol(mfcc, axis), axis)}
    expected = np.concatenate([known[part] for part in parts.split("+")], axis=1)
    found = dynamic(torch.from_numpy(mfcc), parts, axis)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    whole = dynamic(torch.from_numpy(mfcc), "+".join(PARTS), axis)
    assert torch.equal(select(whole.transpose(1, 2), parts), found.transpose(1, 2))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"axis": "both"}, "time or coefficient, found both"),
        ({"width": 8}, "odd number"),
        ({"width": 1}, "odd number"),
        ({"lengths": torch.tensor([8])}, "at least 9 values, found 8"),
    ],
)
def test_what_has_no_delta_is_refused(arguments, told):
    with pytest.raises(ValueError, match=told):
        delta(torch.zeros(1, 20, 20), **arguments)


def test_too_few_values_and_unknown_inputs_are_refused():
    with pytest.raises(ValueError, match="at least 9 values, found 5"):
        delta(torch.zeros(1, 5, 20), "coefficient")
    with pytest.raises(ValueError, match=r"M\+D\+DD, found D\+M"):
        dynamic(torch.zeros(1, 20, 20), "D+M")
