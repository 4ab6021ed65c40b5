"""Standardisation of features and values against numpy."""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_ext.lobes.normalization import FeatureNormalizer, ValueScale


def test_frames_and_values_are_standardised_and_values_are_restored():
    random = np.random.default_rng(0)
    rows, mean, deviation = random.normal(size=(4, 7, 3)), random.normal(size=3), random.uniform(0.5, 3, 3)
    for kind in (FeatureNormalizer, ValueScale):
        module = kind(3).double()
        np.testing.assert_array_equal(module(torch.from_numpy(rows)).numpy(), rows)
        module.set(torch.from_numpy(mean), torch.from_numpy(deviation))
        np.testing.assert_allclose(module(torch.from_numpy(rows)).numpy(), (rows - mean) / deviation, rtol=1e-12)
    restored = module.restore(torch.from_numpy(rows[0])).numpy()
    np.testing.assert_allclose(restored, rows[0] * deviation + mean, rtol=1e-12)
    np.testing.assert_allclose(module(module.restore(torch.from_numpy(rows[0]))).numpy(), rows[0], rtol=1e-12)


def test_the_statistics_travel_in_the_state_and_are_not_trained():
    module = FeatureNormalizer(2)
    module.set(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    other = FeatureNormalizer(2)
    other.load_state_dict(module.state_dict())
    assert list(module.state_dict()) == ["mean", "deviation"] and not list(module.parameters())
    assert torch.equal(other(torch.ones(1, 1, 2)), module(torch.ones(1, 1, 2)))
