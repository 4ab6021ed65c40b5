"""Fingerprints of recordings: nearly the same at another level, in another encoding, and without the silence around."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from scipy import fft

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.utils.audio import mix_down, read_samples, resample
from speechbrain_ext.utils.files import replacing

FILE = "fingerprints.npz"
RATE_HZ, FRAME_SAMPLES, HOP_SAMPLES = 8000, 256, 128
BAND_EDGES_HZ = np.geomspace(150.0, 3500.0, 17)
# Frames this far below the loudest are silence around the words; bands do not count below the floor.
SILENCE_DB, FLOOR_DB = 30.0, 60.0


def read_mono(root: str | Path, item: Utterance, rate_hz: int) -> np.ndarray:
    """Read an utterance at a rate, its channels averaged, as float32 [samples].

    Raises
    ------
    OSError, soundfile.LibsndfileError
        Its audio is not there.
    """
    samples, found_hz = read_samples(Path(root) / item.wav, item.start_s, item.end_s)
    mono = mix_down(samples)
    return mono if found_hz == rate_hz else resample(mono, found_hz, rate_hz)


def fingerprint(mono: np.ndarray) -> np.ndarray:
    """Compute the mean and the spread of the level of bands over the frames that are not silent.

    Arguments
    ---------
    mono : np.ndarray
        float32 [samples] at 8000 Hz.

    Returns
    -------
    np.ndarray
        float32 [32]: 16 means in dB, less their own mean, then 16 standard deviations in dB.
    """
    padded = np.pad(mono, (0, max(0, FRAME_SAMPLES - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::HOP_SAMPLES]  # [frame, sample]
    window = np.hanning(FRAME_SAMPLES).astype(np.float32)
    power = np.abs(fft.rfft(frames * window, axis=1)) ** 2  # [frame, bin]
    edges = np.searchsorted(fft.rfftfreq(FRAME_SAMPLES, 1 / RATE_HZ), BAND_EDGES_HZ)
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)  # [frame, band]
    level = bands.sum(axis=1)  # [frame]
    loudest = level.max()
    if not loudest > 0:
        return np.full(2 * (len(edges) - 1), np.inf, np.float32)
    heard = bands[level >= loudest * 10 ** (-SILENCE_DB / 10)]  # [frame, band]
    decibels = 10 * np.log10(heard + loudest * 10 ** (-FLOOR_DB / 10))  # [frame, band]
    mean = decibels.mean(axis=0)  # [band]
    return np.concatenate([mean - mean.mean(), decibels.std(axis=0)]).astype(np.float32)


def read_fingerprints(
    folder: Path, manifest_sha256: str, root: str | Path, items: Sequence[Utterance], jobs: int = 1
) -> np.ndarray:
    """Read the fingerprints of a prepared corpus; they are computed once, and kept next to its manifest.

    Arguments
    ---------
    folder : Path
        `data/<CORPUS>-<source>`.
    manifest_sha256 : str
        Hash of its manifest: what was kept of another one is computed again.
    root : str or Path
        The folder of the audio.
    items : sequence of Utterance
        All utterances.
    jobs : int
        Threads.

    Returns
    -------
    np.ndarray
        [utterance, 32]; infinite where the audio is not there or silent throughout.
    """
    if (kept := _read_kept(folder / FILE, manifest_sha256, len(items))) is not None:
        return kept
    with ThreadPoolExecutor(jobs) as threads:
        found = np.array(list(threads.map(lambda item: _fingerprint_of(root, item), items)))  # [utterance, 32]
    if np.isfinite(found).any():
        with replacing(folder / FILE, "wb") as stream:
            np.savez(stream, manifest_sha256=np.array(manifest_sha256), fingerprints=found)
    return found


def _fingerprint_of(root: str | Path, item: Utterance) -> np.ndarray:
    try:
        return fingerprint(read_mono(root, item, RATE_HZ))
    except (OSError, soundfile.LibsndfileError):
        return np.full(2 * (len(BAND_EDGES_HZ) - 1), np.inf, np.float32)


def _read_kept(path: Path, manifest_sha256: str, size: int) -> np.ndarray | None:
    """Kept fingerprints; None where there are none of this manifest, or the file is damaged."""
    if not path.is_file():
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            found, of_manifest = stored["fingerprints"], str(stored["manifest_sha256"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    return found if of_manifest == manifest_sha256 and len(found) == size else None
