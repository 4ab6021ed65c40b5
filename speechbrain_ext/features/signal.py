"""What stage 1 may do to the samples of an utterance before any feature: trim silence, set the level."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

FRAME_S, HOP_S, MARGIN_S = 0.025, 0.010, 0.050


@dataclass(frozen=True)
class SignalChanges:
    """Changes of a signal, in this order; None leaves it as it is.

    Attributes
    ----------
    trim_silence_db : float or None
        Silence at both ends is cut off: frames this far below the loudest one, in dB. Pauses inside stay.
    level_db : float or None
        Root mean square of the signal after trimming, in dB below full scale (negative).
    """

    trim_silence_db: float | None = None
    level_db: float | None = None

    def __bool__(self) -> bool:
        return self.trim_silence_db is not None or self.level_db is not None

    def __call__(self, signal: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """Change a signal.

        Arguments
        ---------
        signal : np.ndarray
            float32 [samples].
        sample_rate_hz : int

        Returns
        -------
        np.ndarray
            float32 [samples left].

        Example
        -------
        >>> tone = np.sin(np.arange(16000) / 5).astype(np.float32)
        >>> signal = np.concatenate([np.zeros(16000, np.float32), tone, np.zeros(16000, np.float32)])
        >>> changed = SignalChanges(trim_silence_db=40, level_db=-20)(signal, 16000)
        >>> len(signal), len(changed), round(float(20 * np.log10(np.sqrt(np.mean(changed**2)))), 3)
        (48000, 18160, -20.0)
        """
        if self.trim_silence_db is not None:
            signal = trim_silence(signal, self.trim_silence_db, sample_rate_hz)
        if self.level_db is not None:
            signal = set_level(signal, self.level_db)
        return signal

    def to_json(self) -> dict[str, float]:
        """The changes that are made, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def trim_silence(signal: np.ndarray, below_db: float, sample_rate_hz: int) -> np.ndarray:
    """Cut off the silence before and after the speech, but for about 50 ms of it.

    Arguments
    ---------
    signal : np.ndarray
        float32 [samples].
    below_db : float
        A frame of 25 ms, one every 10 ms, is silent where its energy is this far below that of the loudest frame.
    sample_rate_hz : int

    Returns
    -------
    np.ndarray
        From 50 ms before the first frame that is not silent to 50 ms after the last one; all of a signal that is
        shorter than a frame, or digital silence.
    """
    size, hop, margin = (round(seconds * sample_rate_hz) for seconds in (FRAME_S, HOP_S, MARGIN_S))
    if len(signal) < size:
        return signal
    frames = np.lib.stride_tricks.sliding_window_view(signal, size)[::hop]  # [frame, sample]
    energies = np.einsum("fs,fs->f", frames, frames, dtype=np.float64)  # [frame]
    loud = np.flatnonzero(energies > energies.max() * 10 ** (-below_db / 10))
    if not len(loud):
        return signal
    # What stands behind the last full frame belongs to it.
    stop = len(signal) if loud[-1] == len(frames) - 1 else loud[-1] * hop + size + margin
    return signal[max(0, loud[0] * hop - margin) : stop]


def set_level(signal: np.ndarray, level_db: float) -> np.ndarray:
    """Scale a signal to a level, or to a peak of full scale where it would exceed that.

    Arguments
    ---------
    signal : np.ndarray
        float32 [samples].
    level_db : float
        Root mean square in dB below full scale (negative).

    Returns
    -------
    np.ndarray
        float32 [samples]; digital silence as it is.
    """
    level, peak = np.sqrt(np.mean(np.square(signal, dtype=np.float64))), np.max(np.abs(signal))
    if not level:
        return signal
    return (signal * min(10 ** (level_db / 20) / level, 1 / peak)).astype(np.float32)
