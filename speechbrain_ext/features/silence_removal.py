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
    given back whole, an empty one empty; one that is shorter than a frame is judged by the frames that it has.

    Arguments
    ---------
    signal : np.ndarray
        float [samples].
    quirk : bool
        Do as the authors' code does: exactly one run of voiced frames is given twice over, the last sample is never
        kept, and the frame centred on the end of the signal does not count. Where that code fails (a signal of whole
        hops that begins loudly), this goes on as for the other signals.

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
    runs = _runs(voiced_frames(signal, quirk))  # [run, 2]
    if not len(runs):
        return signal.copy()
    half = WINDOW_SAMPLES // 2
    starts = np.maximum(runs[:, 0] * HOP_SAMPLES - half, 0)  # [run]
    last = max(1, len(signal) - 1) if quirk else len(signal)
    ends = np.minimum(runs[:, 1] * HOP_SAMPLES + half, last)  # [run]
    edges = np.zeros(len(signal) + 1, dtype=np.int64)  # [samples + 1]
    # Where a run begins, one more run holds; where it ends, one fewer.
    np.add.at(edges, starts, 1)
    np.add.at(edges, ends, -1)
    kept = signal[np.cumsum(edges[:-1]) > 0]  # [samples kept]
    return np.concatenate([kept, kept]) if quirk and len(runs) == 1 else kept


def voiced_frames(signal: np.ndarray, quirk: bool = False) -> np.ndarray:
    """Say of each frame whether it is voiced.

    Arguments
    ---------
    signal : np.ndarray
        float [samples], at least one.
    quirk : bool
        Leave out the frame that is centred on the end of the signal.

    Returns
    -------
    np.ndarray
        bool [frames]; frame k reaches from `512 k - 1024` to `512 k + 1024`.
    """
    frames = 1 + len(signal) // HOP_SAMPLES
    if quirk:
        frames = -(-len(signal) // HOP_SAMPLES)
    crossings, energy = _crossings(signal, frames), _energy(signal, frames)  # [frames]
    noisy = crossings >= max(0.8 * crossings.max(), 2.0 * crossings.min())
    least, most = energy.min(), energy.max()
    quiet = energy <= min(10 * least, 0.05 * most + 5 * least, 0.1 * most)
    return ~(noisy | quiet)


def _crossings(signal: np.ndarray, frames: int) -> np.ndarray:
    """Changes of sign in each frame [frames]; outside the signal its ends go on."""
    padded = np.pad(signal, WINDOW_SAMPLES // 2, mode="edge") < -ZERO  # [samples + window]
    before = np.concatenate([[0], np.cumsum(padded[1:] != padded[:-1])])  # [samples + window]
    starts = np.arange(frames) * HOP_SAMPLES
    return before[starts + WINDOW_SAMPLES - 1] - before[starts]


def _energy(signal: np.ndarray, frames: int) -> np.ndarray:
    """Sum of magnitudes under the root of a Hann window in each frame [frames]; outside the signal there are zeros."""
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES))
    padded = np.pad(np.abs(signal.astype(np.float64)), WINDOW_SAMPLES // 2)  # [samples + window]
    every = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)  # [samples + 1, window]
    return every[::HOP_SAMPLES][:frames] @ window  # [frames]


def _runs(voiced: np.ndarray) -> np.ndarray:
    """First frame of each run of voiced ones and the frame after its last, [run, 2]."""
    change = np.diff(np.concatenate([[False], voiced, [False]]).astype(np.int8))  # [frames + 1]
    return np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1)], axis=1)
