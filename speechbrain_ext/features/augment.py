"""Changed copies of training utterances: on the waveform before extraction, on the features in training."""

from __future__ import annotations

import re

import numpy as np
import torch
from speechbrain.augment.freq_domain import SpectrogramDrop
from speechbrain.augment.time_domain import AddNoise, SpeedPerturb

from speechbrain_ext.features.extractor import one_thread
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_bytes

SPEED = re.compile(r"speed(\d+(?:\.\d+)?)")
NOISE = re.compile(r"noise(-?\d+(?:\.\d+)?)db")
SPEED_RANGE = (0.5, 2.0)


def parse_variant(variant: str) -> tuple[str, float]:
    """Read the name of a changed copy.

    Arguments
    ---------
    variant : str
        "speed0.9": slower, 0.9 times the speed (pitch falls with it).
        "noise15db": white noise added, 15 dB below the speech.

    Returns
    -------
    tuple
        "speed" and the factor, in full per cent, or "noise" and the signal-to-noise ratio in dB.

    Raises
    ------
    UserError
        The name says neither.

    Example
    -------
    >>> parse_variant("speed0.9"), parse_variant("noise15db")
    (('speed', 0.9), ('noise', 15.0))
    """
    if match := SPEED.fullmatch(variant):
        factor = round(100 * float(match[1])) / 100
        if not SPEED_RANGE[0] <= factor <= SPEED_RANGE[1]:
            raise UserError(f"variant {variant}: expected a speed from 0.5 to 2, found {match[1]}: try speed0.9")
        return "speed", factor
    if match := NOISE.fullmatch(variant):
        return "noise", float(match[1])
    raise UserError(f"variant {variant}: expected a name like speed0.9 or noise15db, found neither form: correct it")


def apply_variant(signal: np.ndarray, variant: str, seed_key: str, sample_rate_hz: int = 16000) -> np.ndarray:
    """Make the changed copy of an utterance: the same one every time, everywhere.

    Arguments
    ---------
    signal : np.ndarray
        float32 [samples].
    variant : str
        Name of the change, see `parse_variant`.
    seed_key : str
        What the random draws depend on in addition to the variant: the hash of the utterance's audio.
    sample_rate_hz : int
        Of the signal.

    Returns
    -------
    np.ndarray
        float32 [samples / speed], between -1 and 1. The noisy copy is SpeechBrain's mixture,
        whose speech is lowered to make room for the noise.

    Example
    -------
    >>> apply_variant(np.zeros(16000, dtype=np.float32), "speed0.8", "").shape
    (20000,)
    """
    kind, amount = parse_variant(variant)
    seed = int(sha256_bytes(f"{seed_key}:{variant}".encode())[:15], 16)
    wave = torch.from_numpy(np.array(signal, dtype=np.float32))[None]  # [1, samples]
    # The classes draw from torch's global generator; the caller's must go on as if nothing had been drawn.
    with torch.random.fork_rng(devices=[]), one_thread(), torch.no_grad():
        torch.manual_seed(seed)
        if kind == "speed":
            changed = SpeedPerturb(sample_rate_hz, speeds=[round(100 * amount)])(wave)  # [1, samples / speed]
        else:
            changed = AddNoise(snr_low=amount, snr_high=amount)(wave, torch.ones(1))  # [1, samples]
    return changed[0].clamp(-1.0, 1.0).numpy()  # [samples]


class SpectrogramMask(torch.nn.Module):
    """Drop random stretches of time and bands of features, for each utterance on its own.

    Dropped values become 0, the training mean of normalised features. Padding is left
    alone, and draws come from torch's global generator. A stretch or band is never longer
    than half of the utterance or of the features. In `eval` mode nothing is dropped.

    Arguments
    ---------
    time_count_low, time_count_high : int
        Least and greatest number of stretches of time dropped per utterance.
    time_length_low_frames, time_length_high_frames : int
        Least and greatest length of a stretch.
    feature_count_low, feature_count_high : int
        Least and greatest number of bands of features dropped per utterance.
    feature_length_low, feature_length_high : int
        Least and greatest width of a band.

    Source
    ------
    Park et al., Interspeech 2019 (SpecAugment), section 2, without time warping.

    Example
    -------
    >>> mask = SpectrogramMask(time_count_low=1, feature_count_low=1)
    >>> mask(torch.ones(2, 100, 40), torch.tensor([100, 60])).shape
    torch.Size([2, 100, 40])
    """

    def __init__(
        self,
        time_count_low: int = 0,
        time_count_high: int = 2,
        time_length_low_frames: int = 1,
        time_length_high_frames: int = 20,
        feature_count_low: int = 0,
        feature_count_high: int = 2,
        feature_length_low: int = 1,
        feature_length_high: int = 8,
    ) -> None:
        super().__init__()
        self.time = (time_length_low_frames, time_length_high_frames, time_count_low, time_count_high)
        self.feature = (feature_length_low, feature_length_high, feature_count_low, feature_count_high)
        for what, (low, high, count_low, count_high) in (("time", self.time), ("feature", self.feature)):
            if not (1 <= low <= high and 0 <= count_low <= count_high):
                found = f"lengths {low} to {high}, counts {count_low} to {count_high}"
                raise UserError(
                    f"spectrogram mask over {what}: expected lengths from 1 and counts from 0, found {found}"
                )

    def forward(self, features: torch.Tensor, lengths_frames: torch.Tensor) -> torch.Tensor:
        """Drop parts of each utterance.

        Arguments
        ---------
        features : torch.Tensor
            [batch, time, feature], normalised.
        lengths_frames : torch.Tensor
            [batch], real frames of each utterance.

        Returns
        -------
        torch.Tensor
            [batch, time, feature], a new tensor in `train` mode.
        """
        if not self.training:
            return features
        masked = features.clone()
        for row, length in enumerate(lengths_frames.tolist()):
            part = masked[row : row + 1, : int(length)]  # [1, frames, feature]
            # SpectrogramDrop writes its zeros into the tensor it is given.
            for dim, spec in ((1, self.time), (2, self.feature)):
                _drop(part, dim, *spec)
        return masked


def _drop(part: torch.Tensor, dim: int, low: int, high: int, count_low: int, count_high: int) -> None:
    """Set random slices of one utterance [1, time, feature] to 0, in place."""
    high = min(high, part.shape[dim] // 2)
    if high >= 1 and count_high >= 1:
        # Its upper limit of lengths is not drawn itself, hence + 1.
        SpectrogramDrop(min(low, high), high + 1, count_low, count_high, replace="zeros", dim=dim)(part)
