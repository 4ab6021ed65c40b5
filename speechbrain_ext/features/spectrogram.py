"""Log-mel spectrograms, by torchaudio."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np

from speechbrain_ext.features.extractor import Extractor, one_thread
from speechbrain_ext.utils.errors import UserError


class LogMel(Extractor):
    """Natural logarithm of the energy in mel bands of a Hann-windowed power spectrum.

    Frames are centred on multiples of the hop, with zeros outside the signal:
    `1 + samples // hop_samples` of them. Samples lie between -1 and 1.

    Arguments
    ---------
    n_mels : int
        Number of bands.
    window_samples : int
        Length of the Hann window.
    n_fft : int
        Length of the transform, at least the window's.
    hop_samples : int
        Distance of frames.
    f_min_hz : float
        Lower edge of the lowest band.
    f_max_hz : float
        Upper edge of the highest band.
    floor : float
        Least band energy; the default lies far below the noise of 16-bit audio.
    mel_scale : str
        "slaney", where each of 128 or 257 bands holds a bin of the transform, or "htk", where 257 do not.

    Source
    ------
    Chen et al., Expert Systems With Applications 2023 (AMSNet), utterance-level branch.

    Example
    -------
    >>> feature = LogMel(n_mels=40)
    >>> feature(np.zeros(16000, dtype=np.float32)).shape
    (41, 40)
    """

    name = "logmel"
    package = "torchaudio"
    column = "logmel"
    version = 1

    def __init__(
        self,
        n_mels: int = 128,
        window_samples: int = 800,
        n_fft: int = 800,
        hop_samples: int = 400,
        f_min_hz: float = 0.0,
        f_max_hz: float = 8000.0,
        floor: float = 1e-10,
        mel_scale: str = "slaney",
    ) -> None:
        super().__init__(
            n_mels=int(n_mels),
            window_samples=int(window_samples),
            n_fft=int(n_fft),
            hop_samples=int(hop_samples),
            f_min_hz=float(f_min_hz),
            f_max_hz=float(f_max_hz),
            floor=float(floor),
            mel_scale=mel_scale,
        )
        self._check()
        self.dim = self.params["n_mels"]
        self.hop_s = self.params["hop_samples"] / self.sample_rate_hz

    def _check(self) -> None:
        """Refuse parameters that describe no spectrogram."""
        value = self.params
        for key in ("n_mels", "window_samples", "hop_samples", "floor"):
            if not value[key] > 0:
                raise UserError(f"logmel {key}: expected more than 0, found {value[key]}: give a positive number")
        if value["n_fft"] < value["window_samples"]:
            raise UserError(f"logmel n_fft: expected at least {value['window_samples']}, found {value['n_fft']}")
        if not 0 <= value["f_min_hz"] < value["f_max_hz"] <= self.sample_rate_hz / 2:
            found = f"{value['f_min_hz']:g} and {value['f_max_hz']:g}"
            raise UserError(f"logmel f_min_hz, f_max_hz: expected 0 <= min < max <= 8000, found {found}")
        if value["mel_scale"] not in ("slaney", "htk"):
            raise UserError(f"logmel mel_scale: expected slaney or htk, found {value['mel_scale']}")

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the frames of a finite, non-empty float32 signal."""
        import torch

        transform = _transform(self.sample_rate_hz, *self.params.values())
        with one_thread(), torch.no_grad():
            energy = transform(torch.from_numpy(signal.copy()))  # [band, frames]
            frames = energy.clamp(min=self.params["floor"]).log().T  # [frames, band]
        return frames.contiguous().numpy()

    def silence(self) -> np.ndarray:
        """Give the steady frame of digital silence, float32 [dim]."""
        return np.full(self.dim, math.log(self.params["floor"]), dtype=np.float32)  # [dim]


@functools.lru_cache(maxsize=8)
def _transform(
    sample_rate_hz: int,
    n_mels: int,
    window_samples: int,
    n_fft: int,
    hop_samples: int,
    f_min_hz: float,
    f_max_hz: float,
    floor: float,
    mel_scale: str,
) -> Any:
    """Build torchaudio's transform once per process and parameters."""
    import torchaudio

    with warnings.catch_warnings():
        # torchaudio warns of empty bands; they are refused below.
        warnings.simplefilter("ignore")
        transform = torchaudio.transforms.MelSpectrogram(
            sample_rate_hz,
            n_fft=n_fft,
            win_length=window_samples,
            hop_length=hop_samples,
            f_min=f_min_hz,
            f_max=f_max_hz,
            n_mels=n_mels,
            power=2.0,
            center=True,
            pad_mode="constant",
            mel_scale=mel_scale,
        )
    empty = int((transform.mel_scale.fb.amax(dim=0) == 0).sum())
    if empty:
        raise UserError(
            f"logmel n_mels {n_mels}: expected a bin of the transform in each band, found {empty} bands without: "
            f"use fewer bands, a larger n_fft than {n_fft}, or mel_scale: slaney"
        )
    return transform
