"""Low-level descriptors of the INTERSPEECH 2010 paralinguistic set, by openSMILE."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from speechbrain_ext.features import smile
from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.utils.errors import UserError

# The order of the columns is the one of AMSNet's Table 1: 34 common descriptors, then 4 of pitch.
COMMON = (
    ["pcm_loudness_sma"]
    + [f"mfcc_sma[{i}]" for i in range(15)]
    + [f"logMelFreqBand_sma[{i}]" for i in range(8)]
    + [f"lspFreq_sma[{i}]" for i in range(8)]
    + ["F0finEnv_sma", "voicingFinalUnclipped_sma"]
)
PITCH = ["F0final_sma", "jitterLocal_sma", "jitterDDP_sma", "shimmerLocal_sma"]
DELTA_WINDOW_FRAMES = 2
LEAST_S = 0.07


class LowLevelDescriptors(Extractor):
    """38 descriptors and their deltas, 76 values every 10 ms.

    Frames are 25 ms long (60 ms for those of pitch) and begin at multiples of the hop. openSMILE runs once; the
    deltas are computed here and equal its own.

    Source
    ------
    Chen et al., Expert Systems With Applications 2023 (AMSNet), Table 1;
    the set is the one of the INTERSPEECH 2010 Paralinguistic Challenge.

    Example
    -------
    >>> feature = LowLevelDescriptors()
    >>> feature.dim, feature.columns[0], feature.columns[34], feature.columns[68]
    (76, 'pcm_loudness_sma', 'pcm_loudness_sma_de', 'F0final_sma')
    """

    name = "lld"
    version = 1
    dim = 76
    hop_s = 0.01
    frame_s = 0.025  # of the common descriptors; a frame begins at its multiple of the hop

    def __init__(self) -> None:
        super().__init__()

    @property
    def library(self) -> str:
        """Name and version of the library that computes the feature."""
        return smile.library(self.name)

    @property
    def columns(self) -> list[str]:
        """Names of the 76 dimensions, as openSMILE has them."""
        deltas = [[name.replace("_sma", "_sma_de") for name in names] for names in (COMMON, PITCH)]
        return COMMON + deltas[0] + PITCH + deltas[1]

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the frames of a finite, non-empty float32 signal."""
        engine, picked = _engine()
        table = smile.process(engine, signal, self.sample_rate_hz)
        values = table.to_numpy(dtype=np.float32)[:, picked]  # [frames, 38]
        if np.isnan(values).any():
            raise smile.too_short(self.name, LEAST_S, signal, self.sample_rate_hz)
        deltas = regression_deltas(values)  # [frames, 38]
        common = len(COMMON)
        parts = [values[:, :common], deltas[:, :common], values[:, common:], deltas[:, common:]]
        return np.concatenate(parts, axis=1)  # [frames, 76]

    def silence(self) -> np.ndarray:
        """Give the steady frame of digital silence, float32 [dim]."""
        frames = self(np.zeros(self.sample_rate_hz, dtype=np.float32))  # [frames, 76]
        return frames[len(frames) // 2].copy()  # [76]


def regression_deltas(values: np.ndarray, window_frames: int = DELTA_WINDOW_FRAMES) -> np.ndarray:
    """Compute the slope of a regression line over neighbouring frames.

    Arguments
    ---------
    values : np.ndarray
        [frames, dim]; the first and the last frame are repeated outwards.
    window_frames : int
        Frames on either side.

    Returns
    -------
    np.ndarray
        float32 [frames, dim], change per frame.

    Source
    ------
    The HTK Book, section 5.9, equation 5.16, as in openSMILE's cDeltaRegression.

    Example
    -------
    >>> regression_deltas(np.arange(6.0)[:, None])[2:4].tolist()
    [[1.0], [1.0]]
    """
    num_frames = len(values)
    padded = np.pad(values.astype(np.float64), ((window_frames, window_frames), (0, 0)), mode="edge")
    slope = np.zeros(values.shape)
    for step in range(1, window_frames + 1):
        ahead = padded[window_frames + step : window_frames + step + num_frames]  # [frames, dim]
        behind = padded[window_frames - step : window_frames - step + num_frames]  # [frames, dim]
        slope += step * (ahead - behind)
    return (slope / (2 * sum(step * step for step in range(1, window_frames + 1)))).astype(np.float32)


@functools.lru_cache(maxsize=1)
def _engine() -> tuple[Any, list[int]]:
    """openSMILE with the positions of our columns in its output."""
    engine = smile.build_engine(LowLevelDescriptors.name, "IS10", "LowLevelDescriptors")
    position = {name: index for index, name in enumerate(engine.feature_names)}
    absent = [name for name in COMMON + PITCH if name not in position]
    if absent:
        raise UserError(
            f"{smile.library(LowLevelDescriptors.name)}: expected the descriptor {absent[0]} in its set IS10, "
            "found none: pip install 'opensmile>=2.5,<3'"
        )
    return engine, [position[name] for name in COMMON + PITCH]
