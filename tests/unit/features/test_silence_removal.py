"""Removal of silence against a loop over frames, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest

from speechbrain_ext.features.silence_removal import remove_silence, voiced_frames

FRAME, HOP = 2048, 512


def voiced(samples, seed=0):
    """A low tone whose loudness swells: few crossings, much energy."""
    place = np.arange(samples) / 16000
    return 0.4 * np.sin(2 * np.pi * 150 * place + seed) * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * place))


def with_noise(*parts, seed=0):
    """Numbers are pauses of so many samples, arrays are sound; faint noise lies under everything."""
    signal = np.concatenate([np.zeros(part) if isinstance(part, int) else part for part in parts])
    return (signal + 3e-4 * np.random.default_rng(seed).standard_normal(len(signal))).astype(np.float32)


def by_hand(signal, quirk):
    """Frame by frame, sample by sample."""
    size = len(signal)
    crossings, energy = [], []
    for centre in range(0, size + 1, HOP):
        if quirk and size % HOP == 0 and centre == size:
            break
        inside = [min(max(place, 0), size - 1) for place in range(centre - FRAME // 2, centre + FRAME // 2)]
        signs = [signal[place] < -1e-10 for place in inside]
        crossings.append(sum(one != other for one, other in zip(signs, signs[1:], strict=False)))
        total = 0.0
        for place in range(FRAME):
            at = centre - FRAME // 2 + place
            if 0 <= at < size:
                total += abs(float(signal[at])) * np.sin(np.pi * place / FRAME)
        energy.append(total)
    noise_at = max(0.8 * max(crossings), 2 * min(crossings))
    quiet_at = min(10 * min(energy), 0.05 * max(energy) + 5 * min(energy), 0.1 * max(energy))
    loud = [c < noise_at and e > quiet_at for c, e in zip(crossings, energy, strict=True)]
    runs = []
    for frame, state in enumerate(loud):
        if state and (frame == 0 or not loud[frame - 1]):
            runs.append([frame, frame])
        if state:
            runs[-1][1] = frame + 1
    if not runs:
        return signal
    last = size - 1 if quirk else size
    kept = set()
    for first, end in runs:
        kept |= set(range(max(0, first * HOP - FRAME // 2), min(end * HOP + FRAME // 2, last)))
    found = signal[sorted(kept)]
    return np.concatenate([found, found]) if quirk and len(runs) == 1 else found


SIGNALS = {
    "one region": with_noise(8000, voiced(9000), 7000),
    "two regions": with_noise(6000, voiced(6000), 9000, voiced(5000, 1), 4000),
    "to the end, whole hops": with_noise(9000, voiced(3288), 8704, voiced(6035, 2), 4, 1),
    "no silence": with_noise(voiced(12000)),
    "noise alone": with_noise(9000),
    "short": with_noise(voiced(700)),
    "one hop": with_noise(voiced(512)),
}


@pytest.mark.parametrize("quirk", [False, True])
@pytest.mark.parametrize("name", SIGNALS)
def test_equals_the_loop(name, quirk):
    np.testing.assert_array_equal(remove_silence(SIGNALS[name], quirk), by_hand(SIGNALS[name], quirk))


def test_the_faults_of_the_authors_code_are_a_choice():
    one, two = SIGNALS["one region"], SIGNALS["two regions"]
    clean, faulty = remove_silence(one), remove_silence(one, quirk=True)
    np.testing.assert_array_equal(faulty, np.concatenate([clean, clean]))
    # Neither region reaches the end, so that nothing is lost there.
    np.testing.assert_array_equal(remove_silence(two), remove_silence(two, quirk=True))
    assert len(clean) < len(one) and len(remove_silence(two)) < len(two)


def test_the_last_sample_is_lost_with_the_faults_alone():
    signal = with_noise(9000, voiced(9000), 8000, voiced(9000, 1))
    clean, faulty = remove_silence(signal), remove_silence(signal, quirk=True)
    assert clean[-1] == signal[-1]
    np.testing.assert_array_equal(faulty, clean[:-1])


def test_a_loud_signal_of_whole_hops_is_kept():
    # Here the authors' code gives nothing at all.
    sweep = np.sin(2 * np.pi * (200 + 150 * np.sin(np.arange(30720) / 4000)) * np.arange(30720) / 16000)
    signal = with_noise(0.5 * sweep)
    for quirk in (False, True):
        np.testing.assert_array_equal(remove_silence(signal, quirk), by_hand(signal, quirk))
        assert len(remove_silence(signal, quirk)) > 15000


@pytest.mark.parametrize("quirk", [False, True])
@pytest.mark.parametrize(
    "signal", [np.zeros(5000), np.full(5000, 0.3), np.zeros(1), np.zeros(0)], ids=["zeros", "constant", "one", "empty"]
)
def test_without_a_voiced_frame_the_signal_stays(signal, quirk):
    signal = signal.astype(np.float32)
    found = remove_silence(signal, quirk)
    assert found.dtype == np.float32 and found is not signal
    np.testing.assert_array_equal(found, signal)


def test_something_is_always_left():
    for samples in range(1, 60):
        signal = np.random.default_rng(samples).standard_normal(samples * 37).astype(np.float32)
        assert len(remove_silence(signal)) and len(remove_silence(signal, quirk=True))


def test_frames_and_shapes():
    assert len(voiced_frames(np.ones(1024))) == 3 and len(voiced_frames(np.ones(1024), quirk=True)) == 2
    assert len(voiced_frames(np.ones(1025), quirk=True)) == 3
    with pytest.raises(ValueError, match="one channel"):
        remove_silence(np.zeros((2, 100)))
