"""The three inputs of CA-MSER for each 3 s segment of an utterance, as functions of the samples."""

from __future__ import annotations

import numpy as np

HOP_SAMPLES = 160
WINDOW_SAMPLES = 640
N_FFT = 800
BINS = 200
TOP_DB = 80.0
SEGMENT_FRAMES = 300
SIDES = ("back", "front")
SCOPES = ("speech", "segment")


def pre_emphasis(signal: np.ndarray, factor: float) -> np.ndarray:
    """Subtract from each sample its share of the one before; the first stays as it is.

    Arguments
    ---------
    signal : np.ndarray
        float32 [samples].
    factor : float
        0 leaves the signal as it is; the authors' code has 0.97.

    Example
    -------
    >>> pre_emphasis(np.array([1.0, 1.0, 0.5], dtype=np.float32), 0.5).tolist()
    [1.0, 0.5, 0.0]
    """
    if not factor:
        return signal
    found = signal.copy()  # [samples]
    found[1:] -= np.float32(factor) * signal[:-1]
    return found


def spectrogram_db(signal: np.ndarray) -> np.ndarray:
    """Magnitudes in dB below the utterance's largest, at least -80.

    Frames of 40 ms under a Hamming window, centred on multiples of 10 ms with zeros outside the signal, through a
    transform of 800 points. Digital silence, which has no largest one, is 0 dB everywhere.

    Arguments
    ---------
    signal : np.ndarray
        float32 [samples], the entire utterance.

    Returns
    -------
    np.ndarray
        float32 [1 + samples // 160, 200]: 0 to 4 kHz.

    Source
    ------
    Zou et al., ICASSP 2022 (CA-MSER), section 3.2, and their public code.

    Example
    -------
    >>> spectrogram_db(np.sin(np.arange(48000) / 9).astype(np.float32)).shape
    (301, 200)
    """
    import torch

    spectrum = torch.stft(
        torch.from_numpy(np.array(signal, dtype=np.float32)),
        N_FFT,
        HOP_SAMPLES,
        WINDOW_SAMPLES,
        torch.hamming_window(WINDOW_SAMPLES),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )  # [bin, frame]
    level = 20 * spectrum.abs().clamp(min=1e-5).log10()  # [bin, frame]
    level = level - level.max()
    return level[:BINS].T.clamp(min=-TOP_DB).contiguous().numpy()  # [frame, bin]


def count(samples: int, segment_frames: int = SEGMENT_FRAMES) -> int:
    """How many segments an utterance has, by the frames of its spectrogram.

    Example
    -------
    >>> count(47999), count(48000), count(1)
    (1, 2, 1)
    """
    return -(-(1 + samples // HOP_SAMPLES) // segment_frames)


def segment(
    values: np.ndarray, segments: int, size: int, fill: float = 0.0, side: str = "back"
) -> tuple[np.ndarray, np.ndarray]:
    """Cut values into consecutive segments without overlap, the last one filled up.

    Arguments
    ---------
    values : np.ndarray
        [time, ...].
    segments : int
        How many; they hold all the values, and the last one may hold none.
    size : int
        Values of a segment.
    fill : float
        What fills the last one.
    side : str
        "back": behind the values; "front": before them.

    Returns
    -------
    tuple of np.ndarray
        [segments, size, ...], and bool [segments, size]: which values are real.

    Example
    -------
    >>> found, real = segment(np.array([1.0, 2.0, 3.0]), 2, 2, side="front")
    >>> found.tolist(), real.tolist()
    ([[1.0, 2.0], [0.0, 3.0]], [[True, True], [False, True]])
    """
    if side not in SIDES:
        raise ValueError(f"pad_side: expected back or front, found {side}")
    missing = segments * size - len(values)
    if not 0 <= missing <= size:
        raise ValueError(f"{len(values)} values do not fill all but the last of {segments} segments of {size}")
    found = np.full((segments * size, *values.shape[1:]), fill, dtype=values.dtype)  # [segments * size, ...]
    real = np.zeros(segments * size, dtype=bool)
    last = (segments - 1) * size
    found[:last], real[:last] = values[:last], True
    rest = len(values) - last
    place = slice(last, last + rest) if side == "back" else slice(segments * size - rest, segments * size)
    found[place], real[place] = values[last:], True
    return found.reshape(segments, size, *values.shape[1:]), real.reshape(segments, size)


def normalise_audio(segments: np.ndarray, real: np.ndarray, scope: str = "speech") -> np.ndarray:
    """Bring each segment of audio to mean 0 and variance 1.

    Arguments
    ---------
    segments : np.ndarray
        float32 [segment, samples].
    real : np.ndarray
        bool [segment, samples], from `segment`.
    scope : str
        "speech": over the real samples, the others stay 0; "segment": over all, as the authors' code does.

    Returns
    -------
    np.ndarray
        float32 [segment, samples].

    Example
    -------
    >>> normalise_audio(np.float32([[1, 3, 0]]), np.array([[True, True, False]])).round(3).tolist()
    [[-1.0, 1.0, 0.0]]
    """
    if scope not in SCOPES:
        raise ValueError(f"normalise: expected speech or segment, found {scope}")
    found = np.zeros_like(segments, dtype=np.float32)  # [segment, samples]
    for place, segment in enumerate(segments):
        chosen = real[place] if scope == "speech" else np.ones_like(real[place])
        if chosen.any():
            values = segment[chosen]
            found[place, chosen] = (values - values.mean()) / np.sqrt(values.var() + 1e-7)
    return found


def audio_segments(
    signal: np.ndarray, side: str = "back", scope: str = "speech", segment_frames: int = SEGMENT_FRAMES
) -> np.ndarray:
    """The audio of each segment as wav2vec 2.0 takes it.

    Arguments
    ---------
    signal : np.ndarray
        float32 [samples], the entire utterance.
    side, scope : str
        As for `segment` and `normalise_audio`.
    segment_frames : int
        Frames of 160 samples in a segment.

    Returns
    -------
    np.ndarray
        float32 [segment, 160 * segment_frames].

    Example
    -------
    >>> audio_segments(np.ones(48001, dtype=np.float32)).shape
    (2, 48000)
    """
    size = segment_frames * HOP_SAMPLES
    return normalise_audio(*segment(signal, count(len(signal), segment_frames), size, side=side), scope)
