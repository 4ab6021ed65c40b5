"""MFCC and their deltas for each segment of an utterance, silence removed before it is cut."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from speechbrain_ext.features.extractor import Extractor, one_thread
from speechbrain_ext.features.segments import count_segments
from speechbrain_ext.features.silence_removal import remove_silence
from speechbrain_ext.utils.errors import UserError

SEGMENTS = ("first", "all")
PARTS = {"M": "mfcc", "D": "delta", "DD": "delta2"}


class MfccFrames(Extractor):
    """Frames of MFCC, deltas and deltas of deltas of segments of a fixed length.

    What is left of the signal without its silence is cut into segments, the last one filled with zeros at its end, and
    each segment has frames, a loudest band and deltas of its own: `1 + samples // hop_length` rows.

    Arguments
    ---------
    dynamic : str
        Parts side by side: M (MFCC), D (delta), DD (delta of delta) or a sum of them. With all three,
        `speechbrain_ext.features.deltas.select` takes any of them out.
    delta_axis : str
        "time": slopes over frames (the paper); "coefficient": over coefficients (the authors' code).
    silence_removal : bool
        Whether silence is removed first.
    silence_bug : bool
        Remove it with the faults of the authors' code, see `remove_silence`.
    segments : str
        "all": consecutive segments (the paper); "first": the first one alone (the authors' code).
    segment_s : float
        Length of a segment.
    n_mfcc, n_fft, win_length, hop_length, n_mels, mel_scale
        As for `speechbrain_ext.features.mfcc.MFCC`.

    Source
    ------
    Dong et al., SD-CAFF, sections 2.1 and 3.2, and their public code.

    Example
    -------
    >>> feature = MfccFrames(dynamic="M+D", silence_removal=False)
    >>> rows = feature(np.sin(np.arange(112000) / 9.0).astype(np.float32))
    >>> rows.shape, feature.segment_rows
    ((502, 120), 251)
    """

    name = "mfcc_frames"
    package = "torchaudio"
    version = 2
    hop_s = 0.0  # rows come in complete segments, and are cut by segments
    normalised = False

    def __init__(
        self,
        dynamic: str = "M+D+DD",
        delta_axis: str = "time",
        silence_removal: bool = True,
        silence_bug: bool = False,
        segments: str = "all",
        segment_s: float = 6.0,
        n_mfcc: int = 60,
        n_fft: int = 2048,
        win_length: int = 768,
        hop_length: int = 384,
        n_mels: int = 128,
        mel_scale: str = "slaney",
    ) -> None:
        super().__init__(
            dynamic=dynamic,
            delta_axis=delta_axis,
            silence_removal=bool(silence_removal),
            silence_bug=bool(silence_bug),
            segments=segments,
            segment_s=float(segment_s),
            n_mfcc=int(n_mfcc),
            n_fft=int(n_fft),
            win_length=int(win_length),
            hop_length=int(hop_length),
            n_mels=int(n_mels),
            mel_scale=mel_scale,
        )
        self.segment_samples = round(segment_s * self.sample_rate_hz)
        self.segment_rows = 1 + self.segment_samples // max(1, hop_length)
        self._check()
        self.parts = dynamic.split("+")
        self.dim = n_mfcc * len(self.parts)

    def _check(self) -> None:
        """Refuse parameters that describe no such frames."""
        from speechbrain_ext.features import deltas, mfcc

        value = self.params
        try:
            deltas.parts_of(value["dynamic"])
            mfcc.check(**_spectral(value))
        except ValueError as fault:
            raise UserError(f"mfcc_frames {fault}: change this hyper-parameter") from None
        for key, known in (("delta_axis", deltas.AXES), ("segments", SEGMENTS)):
            if value[key] not in known:
                raise UserError(f"mfcc_frames {key}: expected {' or '.join(known)}, found {value[key]}")
        if self.segment_samples < 1:
            raise UserError(f"mfcc_frames segment_s: expected more than 0, found {value['segment_s']:g}")
        along = self.segment_rows if value["delta_axis"] == "time" else value["n_mfcc"]
        if value["dynamic"] != "M" and along < deltas.WIDTH:
            raise UserError(
                f"mfcc_frames delta_axis {value['delta_axis']}: expected at least {deltas.WIDTH} values in a segment, "
                f"found {along}: make segment_s or n_mfcc larger"
            )

    @property
    def columns(self) -> list[str]:
        """Names of the coefficients of each part."""
        return [f"{PARTS[part]}[{place}]" for part in self.parts for place in range(self.params["n_mfcc"])]

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the rows of a finite, non-empty float32 signal, [segments * segment_rows, dim]."""
        import torch

        from speechbrain_ext.features.deltas import dynamic

        if self.params["silence_removal"]:
            signal = remove_silence(signal, quirk=self.params["silence_bug"])  # [samples]
        segments = torch.from_numpy(self._segments(signal))  # [segment, samples]
        with one_thread(), torch.no_grad():
            mfcc = _transform(**_spectral(self.params))(segments)  # [segment, n_mfcc, row]
            rows = dynamic(mfcc, self.params["dynamic"], self.params["delta_axis"])  # [segment, dim, row]
        return rows.transpose(1, 2).reshape(-1, self.dim).numpy()  # [segment * row, dim]

    def _segments(self, signal: np.ndarray) -> np.ndarray:
        """Cut a signal into segments with zeros behind its end, [segment, samples]."""
        size = self.segment_samples
        count = 1 if self.params["segments"] == "first" else count_segments(len(signal), size)
        signal = signal[: count * size]
        return np.pad(signal, (0, count * size - len(signal))).reshape(count, size)  # [segment, samples]

    def silence(self) -> np.ndarray:
        """Give the frame of digital silence, float32 [dim]."""
        return self.compute(np.zeros(1, dtype=np.float32))[0]


def _spectral(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters that `MFCC` takes."""
    return {key: params[key] for key in ("n_mfcc", "n_fft", "win_length", "hop_length", "n_mels", "mel_scale")}


@functools.lru_cache(maxsize=8)
def _transform(**params: Any) -> Any:
    """Build the transform once per process and parameters."""
    from speechbrain_ext.features.mfcc import MFCC

    return MFCC(**params)
