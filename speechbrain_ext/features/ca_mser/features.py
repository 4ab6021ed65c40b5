"""The inputs of CA-MSER as cached features: spectrogram, MFCC and audio, or what a frozen wav2vec 2.0 makes of it.

All of them have the same segments of an utterance, `segment_rows` rows each.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from speechbrain_ext.features.ca_mser import segments as segments
from speechbrain_ext.features.extractor import Extractor, one_thread
from speechbrain_ext.utils.errors import UserError

PADDINGS = {"floor": -segments.TOP_DB, "loudest": 0.0}
N_MFCC = 40


class _Segmented(Extractor):
    """What the features of CA-MSER share.

    Arguments
    ---------
    pre_emphasis : float
        Share of the sample before that is subtracted from each; 0: none.
    segment_s : float
        Length of a segment.
    params : dict
        More keyword arguments of the feature.
    """

    version = 1
    hop_s = 0.0  # rows come in complete segments, and are cut by segments
    normalised = False
    package = "torchaudio"

    def __init__(self, pre_emphasis: float, segment_s: float, **params: Any) -> None:
        super().__init__(pre_emphasis=float(pre_emphasis), segment_s=float(segment_s), **params)
        if not 0 <= pre_emphasis < 1:
            raise UserError(f"{self.name} pre_emphasis: expected 0 to below 1, found {pre_emphasis:g}")
        self.segment_frames = round(segment_s * self.sample_rate_hz / segments.HOP_SAMPLES)
        if self.segment_frames < 1:
            raise UserError(f"{self.name} segment_s: expected at least 0.01 s, found {segment_s:g}")
        self.segment_rows = self.segment_frames

    def _among(self, key: str, known: Any) -> None:
        if self.params[key] not in known:
            raise UserError(f"{self.name} {key}: expected {' or '.join(known)}, found {self.params[key]}")

    def _frames(self, frames: np.ndarray, fill: float) -> np.ndarray:
        """Cut frames [frame, dim] into segments, and lay these end to end."""
        many = -(-len(frames) // self.segment_frames)
        return segments.segment(frames, many, self.segment_frames, fill)[0].reshape(-1, self.dim)


class CaMserSpectrogram(_Segmented):
    """Spectrogram in dB below the utterance's largest value, 0 to 4 kHz, segment by segment.

    Arguments
    ---------
    pre_emphasis : float
        0 in the paper, 0.97 in the authors' code.
    pad : str
        Behind the end of an utterance there is the "floor", -80 dB, or, in the authors' code, the "loudest", 0 dB.
    segment_s : float
        Length of a segment.

    Source
    ------
    Zou et al., ICASSP 2022 (CA-MSER), section 3.2, and their public code.

    Example
    -------
    >>> CaMserSpectrogram()(np.ones(64000, dtype=np.float32)).shape
    (600, 200)
    """

    name = "ca_mser_spectrogram"
    dim = segments.BINS
    column = "bin"

    def __init__(self, pre_emphasis: float = 0.0, pad: str = "floor", segment_s: float = 3.0) -> None:
        super().__init__(pre_emphasis, segment_s, pad=pad)
        self._among("pad", PADDINGS)

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the rows of a finite, non-empty float32 signal, [segments * segment_rows, 200]."""
        with one_thread():
            frames = segments.spectrogram_db(segments.pre_emphasis(signal, self.params["pre_emphasis"]))
        return self._frames(frames, PADDINGS[self.params["pad"]])

    def silence(self) -> np.ndarray:
        """Give what fills a last segment, float32 [200]."""
        return np.full(self.dim, PADDINGS[self.params["pad"]], dtype=np.float32)


class CaMserMfcc(_Segmented):
    """40 MFCC of HTK's mel scale every 10 ms, segment by segment, with rows of zeros behind the utterance's end.

    The coefficients are those of the entire utterance; the network brings each row to length 1.

    Arguments
    ---------
    pre_emphasis, segment_s
        As for `CaMserSpectrogram`.

    Source
    ------
    Zou et al., ICASSP 2022 (CA-MSER), section 3.2, and their public code.

    Example
    -------
    >>> CaMserMfcc()(np.ones(64000, dtype=np.float32)).shape
    (600, 40)
    """

    name = "ca_mser_mfcc"
    dim = N_MFCC
    column = "mfcc"

    def __init__(self, pre_emphasis: float = 0.0, segment_s: float = 3.0) -> None:
        super().__init__(pre_emphasis, segment_s)

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the rows of a finite, non-empty float32 signal, [segments * segment_rows, 40]."""
        import torch

        emphasised = segments.pre_emphasis(signal, self.params["pre_emphasis"])
        with one_thread(), torch.no_grad():
            frames = _mfcc()(torch.from_numpy(emphasised.copy())).T.contiguous().numpy()  # [frame, 40]
        return self._frames(frames, 0.0)


class CaMserAudio(_Segmented):
    """Samples of each segment as wav2vec 2.0 takes them, one a row.

    Arguments
    ---------
    pre_emphasis, segment_s
        As for `CaMserSpectrogram`.
    pad_side : str
        The last segment has its zeros at the "back", or, in the authors' code, at the "front".
    normalise : str
        Mean 0 and variance 1 over the "speech" of a segment, or, in the authors' code, over the entire "segment".

    Source
    ------
    Zou et al., ICASSP 2022 (CA-MSER), section 3.2, and their public code.

    Example
    -------
    >>> CaMserAudio()(np.ones(64000, dtype=np.float32)).shape
    (96000, 1)
    """

    name = "ca_mser_audio"
    dim = 1
    package = ""

    def __init__(
        self, pre_emphasis: float = 0.0, pad_side: str = "back", normalise: str = "speech", segment_s: float = 3.0
    ) -> None:
        super().__init__(pre_emphasis, segment_s, pad_side=pad_side, normalise=normalise)
        self._among("pad_side", segments.SIDES)
        self._among("normalise", segments.SCOPES)
        self.segment_rows = self.segment_frames * segments.HOP_SAMPLES

    def segments(self, signal: np.ndarray) -> np.ndarray:
        """Cut a signal into segments, float32 [segment, samples]."""
        emphasised = segments.pre_emphasis(signal, self.params["pre_emphasis"])
        value = self.params
        return segments.audio_segments(emphasised, value["pad_side"], value["normalise"], self.segment_frames)

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the rows of a finite, non-empty float32 signal, [segments * segment_rows, 1]."""
        return self.segments(signal).reshape(-1, 1)


@functools.lru_cache(maxsize=1)
def _mfcc() -> Any:
    """Build the transform once per process."""
    from speechbrain_ext.features.mfcc import MFCC

    return MFCC(N_MFCC, hop_length=segments.HOP_SAMPLES, mel_scale="htk")
