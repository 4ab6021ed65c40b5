"""Changed copies: names, determinism, the caller's random state, masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext.features.augment import SpectrogramMask, apply_variant, parse_variant
from speechbrain_ext.utils.errors import UserError


def tone(num_samples: int = 16000, hz: float = 200.0) -> np.ndarray:
    """A sine of amplitude 0.3."""
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(num_samples) / 16000)).astype(np.float32)


def test_names_are_read():
    assert parse_variant("speed1.1") == ("speed", 1.1)
    assert parse_variant("noise-3db") == ("noise", -3.0)


@pytest.mark.parametrize("name", ["", "speed", "noise15", "speed0.9x", "fast", "speed0.1", "speed9"])
def test_other_names_are_refused(name):
    with pytest.raises(UserError, match="variant"):
        parse_variant(name)


@pytest.mark.parametrize("variant", ["speed0.9", "noise15db"])
def test_same_copy_whatever_the_random_state(variant):
    torch.manual_seed(1)
    first = apply_variant(tone(), variant, "ab")
    torch.manual_seed(2)
    expected = torch.rand(3)
    torch.manual_seed(2)
    second = apply_variant(tone(), variant, "ab")
    assert np.array_equal(first, second) and first.dtype == np.float32
    assert torch.equal(torch.rand(3), expected)


def test_noise_differs_between_utterances():
    assert not np.array_equal(apply_variant(tone(), "noise15db", "ab"), apply_variant(tone(), "noise15db", "cd"))


@pytest.mark.parametrize("snr_db", [0, 15])
def test_noise_lies_where_its_name_says(snr_db):
    clean = tone().astype(np.float64)
    noisy = apply_variant(tone(), f"noise{snr_db}db", "ab").astype(np.float64)
    speech = clean * (noisy @ clean) / (clean @ clean)
    found_db = 10 * np.log10(np.sum(speech**2) / np.sum((noisy - speech) ** 2))
    assert abs(found_db - snr_db) < 0.3


def test_slower_is_longer_and_lower():
    slow = apply_variant(tone(), "speed0.8", "ab")
    spectrum = np.abs(np.fft.rfft(slow))
    assert len(slow) == 20000
    assert abs(np.argmax(spectrum) * 16000 / len(slow) - 160) < 2


def test_loud_copies_stay_within_full_scale():
    square = np.sign(tone()).astype(np.float32)
    assert np.abs(apply_variant(square, "speed1.1", "ab")).max() <= 1


def test_masks_follow_the_seed_and_leave_padding_and_input_alone():
    features = torch.ones(3, 60, 20)
    features[:, 40:] = 7.0
    lengths = torch.tensor([40, 25, 1])
    mask = SpectrogramMask(time_count_low=2, feature_count_low=1)
    torch.manual_seed(5)
    first = mask(features, lengths)
    torch.manual_seed(5)
    assert torch.equal(first, mask(features, lengths)) and not torch.equal(first, mask(features, lengths))
    assert bool((features[:, :40] == 1).all())
    for row, length in enumerate(lengths.tolist()):
        assert torch.equal(first[row, length:], features[row, length:])
    dropped = first[0, :40] == 0
    assert bool(dropped.all(dim=1).any()) and bool(dropped.all(dim=0).any()) and not bool(dropped.all())


def test_lengths_of_masks_stay_in_their_limits():
    mask = SpectrogramMask(1, 1, 3, 5, 0, 0)
    found = set()
    for seed in range(200):
        torch.manual_seed(seed)
        out = mask(torch.ones(1, 400, 2), torch.tensor([400]))
        found.add(int((out[0, :, 0] == 0).sum()))
    # A stretch may be cut short by the end.
    assert {3, 4, 5} <= found and max(found) == 5


def test_nothing_is_dropped_in_evaluation_and_bad_limits_are_refused():
    features = torch.ones(1, 50, 10)
    assert SpectrogramMask(2, 2).eval()(features, torch.tensor([50])) is features
    with pytest.raises(UserError, match="lengths 5 to 2"):
        SpectrogramMask(time_length_low_frames=5, time_length_high_frames=2)
