"""Removal of silence against a loop over frames, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from speechbrain_ext.features import silence_removal
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


def frames_of(signal, outside):
    """Frames centred on multiples of the hop, up to the last one within the signal; beyond lie zeros or its ends."""
    size = len(signal)
    found = []
    for centre in range(0, size + 1, HOP):
        places = np.arange(centre - FRAME // 2, centre + FRAME // 2)
        frame = signal[np.clip(places, 0, size - 1)]
        found.append(frame if outside == "ends" else np.where((places >= 0) & (places < size), frame, 0.0))
    return found


def by_hand(signal, quirk):
    """The rules of the authors' code one by one: sets of frames, and samples marked as kept."""
    size = len(signal)
    crossings = [int(np.sum(np.diff((frame < -1e-10).astype(int)) != 0)) for frame in frames_of(signal, "ends")]
    window = np.sin(np.pi * np.arange(FRAME) / (FRAME - 1))  # the root of sin^2, which ends in 0 on both sides
    energy = [float(np.abs(frame.astype(float)) @ window) for frame in frames_of(signal, "zeros")]
    extra = quirk and size % HOP == 0
    if extra:
        energy.pop()
    noise_at = max(0.8 * max(crossings), 2 * min(crossings))
    quiet_at = min(10 * min(energy), 0.05 * max(energy) + 5 * min(energy), 0.1 * max(energy))
    loud = [c < noise_at and e > quiet_at for c, e in zip(crossings, energy, strict=False)] + [True] * extra
    regions, start = [], None
    for frame, state in enumerate([*loud, False]):
        if state and start is None:
            start = frame
        if not state and start is not None:
            regions.append((start, frame - 1))
            start = None
    if not regions:
        return signal
    kept = np.zeros(size, dtype=bool)
    for first, last in regions:
        kept[max(0, (first - 2) * HOP) : (last + 3) * HOP] = True
    reaches_the_last_frame = regions[-1][1] == len(loud) - 1
    if not quirk:
        return signal[kept]
    if len(regions) == 1:
        return signal[kept] if reaches_the_last_frame else np.tile(signal[kept], 2)
    if reaches_the_last_frame and size > 1:
        kept[-1] = False
    return signal[kept]


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


# Lengths on both sides of borders of frames, and pauses at the end from none to more than a region reaches over.
BORDERS = sorted({hops * HOP + step for hops in (39, 40, 42) for step in (-1, 0, 1, 255)})
TAILS = sorted({max(0, hops * HOP + step) for hops in range(6) for step in (-1, 0, 1)})


@pytest.mark.parametrize("quirk", [False, True])
@pytest.mark.parametrize("regions", [1, 2])
@pytest.mark.parametrize("size", BORDERS)
def test_signals_that_end_around_borders_of_regions_and_frames(size, regions, quirk):
    seen = set()
    for tail in TAILS:
        sound = voiced(size - tail)
        pauses = [(0, 4600), (size - tail - 5200, 800)] if regions == 1 else [(0, 3000), (8200, 5400)]
        for start, length in pauses[: 1 if regions == 1 else 2]:
            sound[start : start + length] = 0.0
        signal = with_noise(sound, tail, seed=tail)
        found = remove_silence(signal, quirk)
        np.testing.assert_array_equal(found, by_hand(signal, quirk), err_msg=f"pause of {tail} at the end")
        frames = voiced_frames(signal, quirk)
        runs = int(frames[0]) + int(np.sum(frames[1:] & ~frames[:-1]))
        past = np.flatnonzero(frames)[-1] * HOP + 3 * HOP > size
        seen.add((runs, "last frame" if frames[-1] else "past the end" if past else "before the end"))
    ends = {"last frame"} if quirk and size % HOP == 0 else {"last frame", "past the end", "before the end"}
    assert {end for _, end in seen} >= ends
    if not (quirk and size % HOP == 0):
        assert {runs for runs, _ in seen} == {regions}


def test_a_single_region_is_given_two_times_unless_it_reaches_the_last_frame():
    one = SIGNALS["one region"]
    np.testing.assert_array_equal(remove_silence(one, quirk=True), np.tile(remove_silence(one), 2))
    at_the_end = with_noise(9000, voiced(9100))
    np.testing.assert_array_equal(remove_silence(at_the_end, quirk=True), remove_silence(at_the_end))
    assert remove_silence(at_the_end, quirk=True)[-1] == at_the_end[-1]
    two = SIGNALS["two regions"]
    np.testing.assert_array_equal(remove_silence(two, quirk=True), remove_silence(two))
    assert len(remove_silence(one)) < len(one) and len(remove_silence(two)) < len(two)


def test_of_two_regions_the_one_at_the_last_frame_alone_loses_the_last_sample():
    signal = with_noise(9000, voiced(9000), 8000, voiced(9000, 1))
    clean, faulty = remove_silence(signal), remove_silence(signal, quirk=True)
    assert clean[-1] == signal[-1] and voiced_frames(signal, quirk=True)[-1]
    np.testing.assert_array_equal(faulty, clean[:-1])
    paused = with_noise(9000, voiced(9000), 8000, voiced(9000, 1), 1500)
    assert not voiced_frames(paused, quirk=True)[-1] and remove_silence(paused)[-1] == paused[-1]
    np.testing.assert_array_equal(remove_silence(paused, quirk=True), remove_silence(paused))


def test_a_signal_of_whole_hops_ends_in_a_voiced_frame():
    signal = with_noise(8192, voiced(9216), 7168)
    assert len(signal) % HOP == 0 and not voiced_frames(signal)[-1] and voiced_frames(signal, quirk=True)[-1]
    # So there are two regions, and the last one ends with the signal, without its last sample.
    found = remove_silence(signal, quirk=True)
    np.testing.assert_array_equal(found[-1023:], signal[-1024:-1])
    assert len(found) == len(remove_silence(signal)) + 1023


def test_the_window_is_symmetric():
    signal = np.zeros(3 * FRAME)
    signal[FRAME] = 1.0
    energy = silence_removal._energy(signal, 9)
    places = FRAME - (np.arange(9) * HOP - FRAME // 2)
    expected = [np.sin(np.pi * place / (FRAME - 1)) if 0 <= place < FRAME else 0.0 for place in places]
    np.testing.assert_allclose(energy, expected, atol=1e-12)


@pytest.mark.slow
def test_all_files_of_a_real_copy(emodb_root):
    kinds = {"single, at the last frame": 0, "several, past the end": 0}
    paths = sorted((emodb_root / "wav").glob("*.wav"))
    for path in paths:
        signal = soundfile.read(path, dtype="float32")[0]
        for quirk in (False, True):
            np.testing.assert_array_equal(remove_silence(signal, quirk), by_hand(signal, quirk), err_msg=path.name)
        frames = voiced_frames(signal, quirk=True)
        several = int(frames[0]) + int(np.sum(frames[1:] & ~frames[:-1])) > 1
        past = np.flatnonzero(frames)[-1] * HOP + 3 * HOP > len(signal)
        kinds["single, at the last frame"] += bool(not several and frames[-1])
        kinds["several, past the end"] += bool(several and past and not frames[-1])
    if len(paths) == 535:
        assert kinds == {"single, at the last frame": 5, "several, past the end": 59}


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
    for samples, frames in ((1023, 2), (1024, 3), (1025, 3)):
        assert len(voiced_frames(np.ones(samples))) == len(voiced_frames(np.ones(samples), quirk=True)) == frames
    with pytest.raises(ValueError, match="one channel"):
        remove_silence(np.zeros((2, 100)))
