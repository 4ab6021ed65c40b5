"""MADD against its definition written as loops over windows, on made and on real signals."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from speechbrain_ext.features.madd import madd, silent_samples


def literal(signal, window, factor, floor):
    """Equation 1 and the words after it, a window at a time."""
    starts = range(len(signal) - window + 1)
    d = [signal[i : i + window].max() - signal[i : i + window].min() for i in starts]
    counted = [value for value in d if value > 0] if floor == "nonzero" else d
    processed = signal.copy()
    if any(value > 0 for value in d):
        least = min(counted)
        for i in starts:
            if d[i] < signal.dtype.type(factor) * least:
                processed[i : i + window] = 0
    return processed, np.array([1 if value != 0 else 0 for value in processed], signal.dtype)


def assert_literal(signal, window=400, factor=5.0, floor="nonzero"):
    before = signal.copy()
    processed, mask = madd(signal, window, factor, floor)
    expected, expected_mask = literal(signal, window, factor, floor)
    np.testing.assert_array_equal(processed, expected)
    np.testing.assert_array_equal(mask, expected_mask)
    assert processed.dtype == mask.dtype == signal.dtype and processed.shape == mask.shape == signal.shape
    np.testing.assert_array_equal(signal, before)
    assert not np.shares_memory(processed, signal)
    zeroed = silent_samples(signal, window, factor, floor)
    assert zeroed.dtype == bool
    np.testing.assert_array_equal(np.where(zeroed, 0, signal), expected)
    return processed


def gated(samples=3000, dtype=np.float32, seed=0):
    """Noise, loud and soft by turns."""
    random = np.random.default_rng(seed)
    loudness = np.repeat(random.choice([0.0005, 0.02, 0.3], samples // 300 + 1), 300)[:samples]
    return (loudness * random.standard_normal(samples)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("floor", ["nonzero", "all"])
@pytest.mark.parametrize("factor", [0.0, 1.0, 1.1, 3.0, 5.0, 1e6])
@pytest.mark.parametrize("window", [1, 2, 3, 7, 64, 400, 2999, 3000, 3001])
def test_random_signals_equal_the_definition(window, factor, floor, dtype):
    assert_literal(gated(dtype=dtype), window, factor, floor)


def test_the_example_silences_something_and_keeps_something():
    processed = assert_literal(gated(6000))
    assert 0.05 < np.mean(processed == 0) < 0.95


@pytest.mark.parametrize("samples", [0, 1, 2, 99, 100, 101, 102, 199, 200, 201])
@pytest.mark.parametrize("value", [0.0, -0.0, 0.25, -1.0])
def test_a_constant_signal_is_left_as_it_is(samples, value):
    signal = np.full(samples, value, np.float32)
    processed = assert_literal(signal, 100)
    np.testing.assert_array_equal(processed, signal)


@pytest.mark.parametrize("samples", [99, 100, 101])
def test_signals_as_long_as_the_window_and_one_beside(samples):
    signal = gated(samples, seed=3)
    processed = assert_literal(signal, 100)
    assert (processed == 0).all() == (samples >= 100)


def test_floor_all_silences_nothing_beside_digital_silence():
    signal = gated(2000, seed=5)
    signal[500:1000] = 0
    np.testing.assert_array_equal(assert_literal(signal, 100, 5.0, "all"), signal)
    # The soft noise is zeroed once the digital silence does not count.
    changed = assert_literal(signal, 100, 5.0, "nonzero") != signal
    assert changed.any() and not changed[500:1000].any()


def test_windows_are_zeroed_from_the_differences_of_the_original():
    # d = 1 1 2 3.
    signal = np.array([2, 1, 2, 4, 7], np.float64)
    processed, mask = madd(signal, 2, 1.5)
    assert processed.tolist() == [0, 0, 0, 4, 7]
    assert mask.tolist() == [0, 0, 0, 1, 1]
    # In place the second window would be [0, 2] after the first: louder than the threshold, and kept.
    in_place = signal.copy()
    for i in range(4):
        if np.ptp(in_place[i : i + 2]) < 1.5:
            in_place[i : i + 2] = 0
    assert in_place.tolist() != processed.tolist()


def test_the_threshold_itself_is_not_silent():
    signal = np.array([0, 1, 0, 3, 0], np.float64)
    assert madd(signal, 2, 3.0)[0].tolist() == [0, 0, 0, 3, 0]
    assert madd(signal, 2, np.nextafter(3.0, 4))[0].tolist() == [0, 0, 0, 0, 0]
    assert madd(signal, 2, 1.0)[0].tolist() == signal.tolist()


def test_a_zero_inside_speech_is_masked_and_not_counted_as_zeroed():
    signal = np.array([5, 0, -5, 5, -5, 5], np.float32)
    assert madd(signal, 3, 1.0)[1].tolist() == [1, 0, 1, 1, 1, 1]
    assert not silent_samples(signal, 3, 1.0).any()


def test_sparse_signals_equal_the_definition():
    random = np.random.default_rng(7)
    for density in (0.001, 0.01, 0.2):
        signal = np.where(random.random(2500) < density, random.standard_normal(2500), 0).astype(np.float32)
        for window in (1, 5, 100, 400):
            assert_literal(signal, window, 1.5)


def test_16_bit_steps_and_a_strided_view_equal_the_definition():
    whole = np.round(gated(4000) * 32768).astype(np.float32) / 32768
    assert_literal(whole[::2], 100, 3.0)
    assert_literal(whole[::-1], 100, 3.0)
    assert_literal(np.asfortranarray(np.stack([whole, whole], 1))[:, 1], 100, 3.0)


values = st.sampled_from([0.0, -0.0, 1e-30, 1.0, -1.0, 2.0, 3.0, 5.0]) | st.floats(-1, 1, width=32)


@given(
    signal=st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: arrays.arrays(dtype, st.integers(0, 40), elements=values)
    ),
    window=st.integers(1, 45),
    factor=st.sampled_from([0.0, 0.5, 1.0, 1.1, 2.0, 5.0]) | st.floats(0, 10),
    floor=st.sampled_from(["nonzero", "all"]),
)
def test_any_signal_equals_the_definition(signal, window, factor, floor):
    assert_literal(signal, window, factor, floor)


def test_the_ends_of_the_floating_range_raise_no_warning():
    big = np.finfo(np.float32).max
    signal = np.array([big, -big, big, 0, 0, 1], np.float32)
    with np.errstate(all="raise"):
        processed, _ = madd(signal, 2, 2.0)
        assert processed.tolist() == [big, -big, big, 0, 0, 0]
        madd(np.array([big, -big], np.float32), 2, 0.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"signal": np.zeros((2, 5), np.float32)}, "one dimension"),
        ({"signal": np.float32(1)}, "one dimension"),
        ({"signal": np.zeros(5, np.int16)}, "float32 or float64, found int16"),
        ({"signal": np.array([0, np.nan, 1])}, "NaN"),
        ({"signal": np.array([0, np.inf, 1], np.float32)}, "infinity"),
        ({"window_samples": 0}, "window_samples"),
        ({"window_samples": -1}, "window_samples"),
        ({"window_samples": 2.0}, "window_samples"),
        ({"window_samples": True}, "window_samples"),
        ({"factor": -0.1}, "factor"),
        ({"factor": float("nan")}, "factor"),
        ({"factor": float("inf")}, "factor"),
        ({"factor": "5"}, "factor"),
        ({"factor": None}, "factor"),
        ({"floor": "none"}, "floor: expected one of nonzero, all, found 'none'"),
    ],
)
@pytest.mark.parametrize("samples", [3, 1000])
def test_bad_arguments_are_refused_whatever_the_length(change, told, samples):
    arguments = {"signal": np.ones(samples, np.float32)} | change
    with pytest.raises(ValueError, match=told):
        madd(**arguments)
    with pytest.raises(ValueError, match=told):
        silent_samples(**arguments)


def test_defaults_are_the_reading_of_the_paper():
    defaults = {name: item.default for name, item in inspect.signature(madd).parameters.items() if name != "signal"}
    assert defaults == {"window_samples": 400, "factor": 5.0, "floor": "nonzero"}


@pytest.mark.slow
def test_real_speech_equals_the_definition(emodb_root):
    paths = sorted(emodb_root.rglob("*.wav"))
    zeroed = 0
    for path in paths[:: len(paths) // 5]:
        signal, _ = soundfile.read(path, dtype="float32")
        zeroed += (assert_literal(signal) == 0).sum() - (signal == 0).sum()
        assert_literal(signal[:8000].astype(np.float64), 100, 2.0)
    assert zeroed > 0
