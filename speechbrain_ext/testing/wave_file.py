"""Files of the mini corpora: WAV at the corpus's own rate, the same bytes on every machine."""

from __future__ import annotations

import io
import math
import wave
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from speechbrain_ext.testing.speech import SAMPLE_RATE_HZ
from speechbrain_ext.utils.files import replacing

# What another system leaves next to a file, under its name after `._`.
RESOURCE_FORK = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(58)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes completely or not at all; its folder is made."""
    with replacing(path, "wb") as file:
        file.write(content)


def wav_bytes(samples: np.ndarray, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Give the bytes of a mono WAV file; the standard library's header never changes with a library's version.

    Arguments
    ---------
    samples : numpy.ndarray
        int16 [time].
    rate_hz : int
        Their rate.

    Example
    -------
    >>> len(wav_bytes(np.zeros(10, np.int16)))
    64
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def at_rate(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Bring samples from the synthesiser's rate to another by direct sums in float64, rounded to int16.

    No FFT and no float32: their last bits depend on the processor, and could turn a rounding.

    Arguments
    ---------
    samples : numpy.ndarray
        int16 [time] at 16 kHz.
    rate_hz : int
        The rate to give.

    Returns
    -------
    numpy.ndarray
        int16 [time at the new rate].

    Example
    -------
    >>> at_rate(np.zeros(160, np.int16), 44100).shape
    (441,)
    """
    common = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    wide = resample_poly(samples.astype(np.float64), rate_hz // common, SAMPLE_RATE_HZ // common)  # [time at the rate]
    return np.clip(np.round(wide), -32768, 32767).astype(np.int16)
