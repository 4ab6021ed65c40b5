"""Removal of silence as SD-CAFF does it, by energy and zero crossings relative to the utterance's own extremes."""

from __future__ import annotations

import numpy as np

WINDOW_SAMPLES = 2048
HOP_SAMPLES = 512
# Samples this close to 0 count as positive.
ZERO = 1e-10


def remove_silence(signal: np.ndarray, quirk: bool = False) -> np.ndarray:
    """Keep the samples of the runs of voiced frames.

    Frames are centred on multiples of the hop. One is silent where its zero crossings reach max(0.8 most, 2 least) or
    its energy is at most min(10 least, 0.05 most + 5 least, 0.1 most), most and least being those of the utterance's
    frames. A run is kept from the first sample of its first frame to a hop after the last sample of its last one;
    samples that two runs share are kept once. A signal without any voiced frame (digital silence, a constant) is
    given back unchanged, an empty one empty; one that is shorter than a frame is judged by the frames that it has.

    Arguments
    ---------
    signal : np.ndarray
        float [samples].
    quirk : bool
        Do as the authors' code does. A single run is given two times, unless it reaches the last frame: then it is
        given once, with the last sample. Of several runs one that reaches the last frame loses the last sample. In a
        signal of complete hops the last frame, which is centred on its end, has no energy and counts as voiced. (Where
        such a signal begins loudly, that code fails; here it is as any other.)

    Returns
    -------
    np.ndarray
        [samples kept], a copy.

    Source
    ------
    The public code of Dong et al., SD-CAFF; the paper says nothing of it.

    Example
    -------
    >>> signal = 0.001 * np.random.default_rng(0).standard_normal(24000)
    >>> signal[8000:16000] += np.sin(np.arange(8000) / 20)
    >>> len(remove_silence(signal)), len(remove_silence(signal, quirk=True))
    (11264, 22528)
    """
    signal = np.asarray(signal)
    if signal.ndim != 1:
        raise ValueError(f"expected samples of one channel, found an array of shape {signal.shape}")
    if not len(signal):
        return signal.copy()
    voiced = voiced_frames(signal, quirk)
    runs = _runs(voiced)  # [run, 2]
    if not len(runs):
        return signal.copy()
    half = WINDOW_SAMPLES // 2
    single, at_last_frame = len(runs) == 1, runs[-1, 1] == len(voiced)
    starts = np.maximum(runs[:, 0] * HOP_SAMPLES - half, 0)  # [run]
    last = max(1, len(signal) - 1) if quirk and at_last_frame and not single else len(signal)
    ends = np.minimum(runs[:, 1] * HOP_SAMPLES + half, last)  # [run]
    edges = np.zeros(len(signal) + 1, dtype=np.int64)  # [samples + 1]
    # Where a run begins, one more run holds; where it ends, one fewer.
    np.add.at(edges, starts, 1)
    np.add.at(edges, ends, -1)
    kept = signal[np.cumsum(edges[:-1]) > 0]  # [samples kept]
    return np.concatenate([kept, kept]) if quirk and single and not at_last_frame else kept


def voiced_frames(signal: np.ndarray, quirk: bool = False) -> np.ndarray:
    """Say of each frame whether it is voiced.

    Arguments
    ---------
    signal : np.ndarray
        float [samples], at least one.
    quirk : bool
        The frame that is centred on the end of the signal has no energy, and is voiced.

    Returns
    -------
    np.ndarray
        bool [frames]; frame k reaches from `512 k - 1024` to `512 k + 1024`.
    """
    frames = 1 + len(signal) // HOP_SAMPLES
    # The authors' code has no energy for a frame whose centre is the end of the signal.
    with_energy = -(-len(signal) // HOP_SAMPLES) if quirk else frames
    crossings, energy = _crossings(signal, frames), _energy(signal, with_energy)  # [frames], [frames with energy]
    noisy = crossings >= max(0.8 * crossings.max(), 2.0 * crossings.min())  # [frames]
    least, most = energy.min(), energy.max()
    quiet = energy <= min(10 * least, 0.05 * most + 5 * least, 0.1 * most)  # [frames with energy]
    voiced = ~(noisy[:with_energy] | quiet)
    return np.concatenate([voiced, np.ones(frames - with_energy, dtype=bool)])


def _crossings(signal: np.ndarray, frames: int) -> np.ndarray:
    """Changes of sign in each frame [frames]; outside the signal its ends go on."""
    padded = np.pad(signal, WINDOW_SAMPLES // 2, mode="edge") < -ZERO  # [samples + window]
    before = np.concatenate([[0], np.cumsum(padded[1:] != padded[:-1])])  # [samples + window]
    starts = np.arange(frames) * HOP_SAMPLES
    return before[starts + WINDOW_SAMPLES - 1] - before[starts]


def _energy(signal: np.ndarray, frames: int) -> np.ndarray:
    """Sum of magnitudes under the root of a symmetric Hann window [frames]; outside the signal there are zeros."""
    window = np.sqrt(np.hanning(WINDOW_SAMPLES))
    padded = np.pad(np.abs(signal.astype(np.float64)), WINDOW_SAMPLES // 2)  # [samples + window]
    every = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)  # [samples + 1, window]
    return every[::HOP_SAMPLES][:frames] @ window  # [frames]


def _runs(voiced: np.ndarray) -> np.ndarray:
    """First frame of each run of voiced ones and the frame after its last, [run, 2]."""
    change = np.diff(np.concatenate([[False], voiced, [False]]).astype(np.int8))  # [frames + 1]
    return np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1)], axis=1)
