"""Mel-frequency cepstral coefficients of a batch of signals as librosa defines them, by torchaudio's transforms."""

from __future__ import annotations

import warnings

import torch
import torchaudio
from torch import Tensor

MEL_SCALES = ("slaney", "htk")
# Least energy of a band whose logarithm is taken: -100 dB.
FLOOR = 1e-10


class MFCC(torch.nn.Module):
    """Cepstral coefficients of each signal of a batch, whatever its batch mates are.

    Frames are centred on multiples of the hop, with zeros outside the signal: `1 + samples // hop_length` of them,
    under a Hann window. Energies of mel bands in dB, at most `top_db` below the signal's own largest, go through an
    orthonormal DCT-II.

    Arguments
    ---------
    n_mfcc : int
        Number of coefficients, the first one included.
    n_fft : int
        Length of the transform.
    win_length : int, optional
        Length of the window, in the middle of the transform; None: as long.
    hop_length : int
        Distance of frames in samples.
    n_mels : int
        Number of mel bands between 0 Hz and half the sampling rate.
    mel_scale : str
        "slaney" or "htk".
    norm : str, optional
        "slaney": each band's weights sum up to the same; None: each band's largest weight would be 1.
    top_db : float, optional
        None: nothing is raised but what lies below -100 dB.
    sample_rate_hz : int

    Source
    ------
    McFee et al., librosa: `librosa.feature.mfcc`, whose values these are, within 1e-3 of the largest value.

    Example
    -------
    >>> mfcc = MFCC(n_mfcc=60, win_length=768, hop_length=384)
    >>> mfcc(torch.zeros(2, 96000)).shape
    torch.Size([2, 60, 251])
    """

    dct: torch.Tensor

    def __init__(
        self,
        n_mfcc: int = 40,
        n_fft: int = 2048,
        win_length: int | None = None,
        hop_length: int = 512,
        n_mels: int = 128,
        mel_scale: str = "slaney",
        norm: str | None = "slaney",
        top_db: float | None = 80.0,
        sample_rate_hz: int = 16000,
    ) -> None:
        super().__init__()
        win_length = n_fft if win_length is None else win_length
        check(n_mfcc, n_fft, win_length, hop_length, n_mels, mel_scale)
        if norm not in ("slaney", None):
            raise ValueError(f"norm: expected slaney or null, found {norm}")
        if top_db is not None and top_db <= 0:
            raise ValueError(f"top_db: expected more than 0, found {top_db}")
        self.hop_length, self.top_db = hop_length, top_db
        with warnings.catch_warnings():
            # torchaudio warns of bands without a bin; librosa has them too, at the floor.
            warnings.simplefilter("ignore")
            self.energy = torchaudio.transforms.MelSpectrogram(
                sample_rate_hz,
                n_fft=n_fft,
                win_length=win_length,
                hop_length=hop_length,
                n_mels=n_mels,
                power=2.0,
                center=True,
                pad_mode="constant",
                norm=norm,
                mel_scale=mel_scale,
            )
        self.register_buffer("dct", torchaudio.functional.create_dct(n_mfcc, n_mels, norm="ortho"))  # [band, coef.]

    def frames_of(self, samples: Tensor) -> Tensor:
        """Number of frames of signals with so many samples, of the same shape."""
        return 1 + samples // self.hop_length

    def forward(self, signals: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute the coefficients.

        Arguments
        ---------
        signals : Tensor
            [batch, samples] or [samples], float32 or, in a module of that type, float64.
        lengths : Tensor, optional
            Samples [batch] that are real; what is behind them counts for nothing. None: all are.

        Returns
        -------
        Tensor
            [batch, n_mfcc, frames], or [n_mfcc, frames]; 0 in frames behind a signal's own `frames_of`.
        """
        if signals.ndim == 1:
            return self(signals[None], lengths)[0]
        if signals.ndim != 2:
            raise ValueError(f"expected signals [batch, samples], found the shape {tuple(signals.shape)}")
        real = None
        if lengths is not None:
            lengths = lengths.to(signals.device).reshape(-1)
            places = torch.arange(signals.shape[1], device=signals.device)
            signals = signals.masked_fill(places >= lengths[:, None], 0.0)  # [batch, samples]
            count = int(self.frames_of(torch.tensor(signals.shape[1])))
            frames = torch.arange(count, device=signals.device)
            real = (frames < self.frames_of(lengths)[:, None])[:, None]  # [batch, 1, frames]
        energy = self.energy(signals)  # [batch, band, frames]
        if real is not None:
            # A frame behind the end still sees the signal, and may be the loudest of all.
            energy = energy * real
        level = torchaudio.functional.amplitude_to_DB(energy, 10.0, FLOOR, 0.0)  # [batch, band, frames]
        if self.top_db is not None:
            level = torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - self.top_db)
        found = torch.matmul(self.dct.T, level)  # [batch, n_mfcc, frames]
        return found if real is None else found * real


def check(n_mfcc: int, n_fft: int, win_length: int, hop_length: int, n_mels: int, mel_scale: str) -> None:
    """Refuse what describes no coefficients, with a ValueError that names the parameter."""
    if not 0 < n_mfcc <= n_mels:
        raise ValueError(f"n_mfcc: expected 1 to n_mels {n_mels}, found {n_mfcc}")
    if not 0 < win_length <= n_fft:
        raise ValueError(f"win_length: expected 1 to n_fft {n_fft}, found {win_length}")
    if hop_length < 1:
        raise ValueError(f"hop_length: expected at least 1, found {hop_length}")
    if mel_scale not in MEL_SCALES:
        raise ValueError(f"mel_scale: expected slaney or htk, found {mel_scale}")
