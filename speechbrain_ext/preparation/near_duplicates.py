"""The same recording in two corpora at another level, in another encoding, or cut: found by fingerprints.

A pair of similar fingerprints is a candidate; the waveforms decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import fft
from scipy.spatial.distance import cdist

from speechbrain_ext.corpora.data_folder import first_of
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.preparation.fingerprints import read_fingerprints, read_mono
from speechbrain_ext.utils.errors import UserError

# Fingerprints of one recording differ by less: with Ogg Vorbis, MP3, other rates and other levels by up to 0.7 dB, with
# a third of the speech cut off by 2 dB mostly (EmoDB).
DISTANCE_DB = 2.0
# An utterance has as many candidates in the other corpus at most.
CANDIDATES = 3
# Waveforms are compared below 2 kHz.
RATE_HZ = 4000
SAME = 0.98
LEAST_OVERLAP = 0.5
# Below this peak two waveforms cannot be the same, whatever the fraction of a sample.
LEAST_PEAK = 0.5
STEPS_BETWEEN = 16


@dataclass(frozen=True)
class Recordings:
    """The utterances of a prepared corpus with their audio.

    Attributes
    ----------
    folder : Path
        `data/<CORPUS>-<source>`.
    manifest_sha256 : str
    root : str
        The folder of the audio.
    items : sequence of Utterance
    """

    folder: Path
    manifest_sha256: str
    root: str
    items: Sequence[Utterance]


@dataclass(frozen=True, order=True)
class NearDuplicate:
    """Two utterances whose waveforms are the same but for level, encoding or length."""

    source: str
    target: str
    correlation: float


def near_duplicates(source: Recordings, target: Recordings, jobs: int = 1) -> tuple[list[NearDuplicate], int]:
    """Find recordings that are in two corpora.

    Arguments
    ---------
    source, target : Recordings
    jobs : int
        Threads that read audio.

    Returns
    -------
    found : list of NearDuplicate
        Sorted by id.
    unknown : int
        Utterances whose audio is not there or silent.
    """
    ours, theirs = (
        read_fingerprints(each.folder, each.manifest_sha256, each.root, each.items, jobs) for each in (source, target)
    )
    unknown = sum(int((~np.isfinite(each).all(axis=1)).sum()) for each in (ours, theirs))
    pairs = candidates(ours, theirs)

    @lru_cache(maxsize=4096)
    def waveform(corpus: int, place: int) -> np.ndarray:
        each = (source, target)[corpus]
        return read_mono(each.root, each.items[place], RATE_HZ)

    found = []
    for one, other in pairs:
        value = correlation(waveform(0, one), waveform(1, other))
        if value > SAME:
            found.append(NearDuplicate(source.items[one].id, target.items[other].id, value))
    return sorted(found), unknown


def near_duplicate_overlaps(source: Recordings, target: Recordings, jobs: int = 1) -> tuple[str, ...]:
    """Refuse recordings that are in two corpora, one of which is trained on and the other tested on.

    Arguments
    ---------
    source, target, jobs
        As for `near_duplicates`.

    Returns
    -------
    tuple of str
        What must be declared, in words; empty where all audio was compared.

    Raises
    ------
    UserError
        Some recordings are in both; the first pairs are named.
    """
    found, unknown = near_duplicates(source, target, jobs)
    names = source.items[0].corpus, target.items[0].corpus
    if found:
        shown = first_of([f"{pair.source} = {pair.target}, correlation {pair.correlation:.3f}" for pair in found])
        raise UserError(
            f"{names[0]} and {names[1]}: {len(found)} recordings are in both, at another level, in another encoding or "
            f"cut ({shown}): a model would be tested on what it was trained on: leave one of the corpora out"
        )
    return (f"same recordings at another level or cut: unknown for {unknown} utterances",) if unknown else ()


def candidates(ours: np.ndarray, theirs: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of similar fingerprints: for each utterance of the second corpus, the nearest ones of the first.

    Arguments
    ---------
    ours, theirs : np.ndarray
        [utterance, number]; infinite where there is no fingerprint.

    Example
    -------
    >>> candidates(np.array([[0.0, 0.0], [9.0, 9.0]]), np.array([[9.0, 8.0], [50.0, 50.0]]))
    [(1, 0)]
    """
    pairs = []
    known = np.flatnonzero(np.isfinite(ours).all(axis=1))
    for place in np.flatnonzero(np.isfinite(theirs).all(axis=1)):
        distances = cdist(ours[known], theirs[place : place + 1])[:, 0] / np.sqrt(ours.shape[1])  # [utterance]
        nearest = np.argsort(distances, kind="stable")[:CANDIDATES]
        pairs += [(int(known[one]), int(place)) for one in nearest if distances[one] < DISTANCE_DB]
    return sorted(pairs)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Normalised cross-correlation of two waveforms at their best lag, over what they have in common there.

    Arguments
    ---------
    one, other : np.ndarray
        [samples] at one rate.

    Returns
    -------
    float
        From 0 to 1: the sign of a waveform does not count. They overlap by half of the shorter one at least, in length
        and in energy.

    Example
    -------
    >>> noise = np.random.default_rng(0).normal(size=1000)
    >>> round(correlation(noise, -0.1 * noise[200:900]), 6)
    1.0
    """
    short, long = sorted((np.asarray(each, dtype=np.float64) for each in (one, other)), key=len)
    if not len(short):
        return 0.0
    size = fft.next_fast_len(len(short) + len(long) - 1, real=True)
    cross = fft.rfft(long, size) * np.conj(fft.rfft(short, size))  # [frequency]
    products = fft.irfft(cross, size)  # [lag]
    lags = np.arange(-(len(short) - 1), len(long))
    # Parts in common at a lag: from `begin` to `end` of the long one.
    begin, end = np.maximum(lags, 0), np.minimum(lags + len(short), len(long))
    of_long, of_short = (np.concatenate([[0.0], np.cumsum(each**2)]) for each in (long, short))
    energy = of_short[end - lags] - of_short[begin - lags]  # [lag]
    others = of_long[end] - of_long[begin]  # [lag]
    enough = (end - begin >= LEAST_OVERLAP * len(short)) & (energy >= LEAST_OVERLAP * of_short[-1]) & (others > 0)
    values = np.zeros(len(lags))
    is_sound = enough & (energy > 0)
    values[is_sound] = np.abs(products[lags[is_sound]]) / np.sqrt(energy[is_sound] * others[is_sound])
    best = int(values.argmax())
    if values[best] < LEAST_PEAK:
        return float(values[best])
    between = _product_between(cross, size, int(lags[best])) / np.sqrt(energy[best] * others[best])
    return float(min(1.0, max(values[best], between)))


def _product_between(cross: np.ndarray, size: int, lag: int) -> float:
    """The largest product at lags between samples, near one of full samples: audio may be cut at another rate."""
    lags = lag + np.linspace(-1, 1, 2 * STEPS_BETWEEN + 1)  # [lag]
    turns = np.exp(2j * np.pi * np.outer(lags, np.arange(len(cross))) / size)  # [lag, frequency]
    # All frequencies but the first, and the last of an even size, stand for two.
    weights = np.full(len(cross), 2.0)
    weights[0] = 1.0
    if size % 2 == 0:
        weights[-1] = 1.0
    return float(np.abs((turns * (weights * cross)).real.sum(axis=1)).max() / size)
