"""Audio whose file has another rate, kept at the rate of the extractors, so that it is resampled once."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.utils.audio import RESAMPLER


class ResampledAudio(Extractor):
    """The samples of an utterance at 16 kHz, as `speechbrain_ext.corpora.manifest.Utterance.read_audio` gives them.

    The resampler's name and version are part of the identity, so that another one fills another folder.

    Example
    -------
    >>> ResampledAudio()(np.array([0.5, -0.5], dtype=np.float32)).shape
    (2, 1)
    """

    name = "audio16k"
    version = 1
    dim = 1
    hop_s = 1 / 16000
    normalised = False

    @property
    def library(self) -> str:
        """Name, version and quality of the resampler."""
        return RESAMPLER

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Give the samples as [samples, 1]."""
        return signal[:, None]  # [samples, 1]


def read_kept(root: str | Path, sha256: str, run: int = 0) -> np.ndarray:
    """Read the kept samples of an utterance.

    Arguments
    ---------
    root : str or Path
        The cache of all features.
    sha256 : str
        Hash of the utterance's samples at their own rate.
    run : int
        Another number opens the cache anew, and checks again what it reads.

    Returns
    -------
    np.ndarray
        float32 [samples] at 16 kHz.

    Raises
    ------
    UserError
        No sound copy is kept.
    """
    # a copy: the map is read-only, which torch warns of
    return np.array(_opened(Path(root), run).get(sha256)[:, 0])  # [samples]


@functools.lru_cache(maxsize=1)
def _opened(root: Path, run: int) -> FeatureCache:
    """The cache of kept audio, whose indexes a worker process reads once and not for every utterance."""
    return FeatureCache(root, ResampledAudio())
