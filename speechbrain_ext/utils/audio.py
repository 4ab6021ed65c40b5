"""Audio files as they lie on disk: samples, their hash, and what is wrong with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speechbrain_ext.utils.audio_header import promised_bytes
from speechbrain_ext.utils.regular_file import check_regular

MIN_RATE_HZ = 8000
MIN_LENGTH_S = 0.025  # 400 samples at 16 kHz, the least that wav2vec 2.0 takes
# Full scale is 1. Resampled, normalised or limited speech overshoots it by a few dB; 8 is 18 dB above it. Larger values
# are integers that were stored as float without being scaled, or damage.
MAX_PEAK = 8.0
# Lists of segments round their times to a tenth of a second.
END_TOLERANCE_S = 0.1
# libsndfile's count for a stream of unknown length.
UNKNOWN_FRAMES = 2**62
BLOCK_VALUES = 1 << 22
RESAMPLER = f"soxr {soxr.__version__}, quality HQ"


@dataclass(frozen=True)
class AudioFault:
    """What was found in an audio file, and what was expected."""

    found: str
    expected: str


def read_samples(path: str | Path, start_s: float | None = None, end_s: float | None = None) -> tuple[np.ndarray, int]:
    """Read a file or a segment of it, with every channel, at its own rate.

    Arguments
    ---------
    path : str or Path
        Any container that libsndfile reads.
    start_s : float or None
        Start of the segment in seconds; None is the start of the file.
    end_s : float or None
        End of the segment in seconds; None is the end of the file.

    Returns
    -------
    samples : numpy.ndarray
        float32 [samples, channels]; integers are scaled to [-1, 1).
    sample_rate_hz : int

    Raises
    ------
    OSError
        The file is missing, or is not a regular file, which is then not opened.
    soundfile.LibsndfileError
        The file is not audio.
    """
    check_regular(path)
    with soundfile.SoundFile(str(path)) as stream:
        rate_hz = stream.samplerate
        start = 0 if start_s is None else min(round(start_s * rate_hz), stream.frames)
        stop = stream.frames if end_s is None else min(round(end_s * rate_hz), stream.frames)
        stream.seek(start)
        return _read_blocks(stream, stop - start), rate_hz


def _read_blocks(stream: soundfile.SoundFile, frames: int) -> np.ndarray:
    """Read up to so many frames, [frames, channels]: a header that promises more than there is claims no memory."""
    blocks = [np.zeros((0, stream.channels), np.float32)]
    while frames > 0:
        most = max(1, BLOCK_VALUES // stream.channels)
        block = stream.read(min(frames, most), dtype="float32", always_2d=True)  # [frames, channels]
        if not len(block):
            break
        blocks.append(block)
        frames -= len(block)
    return blocks[1] if len(blocks) == 2 else np.concatenate(blocks)  # [frames, channels]


def mix_down(samples: np.ndarray) -> np.ndarray:
    """Average the channels.

    Arguments
    ---------
    samples : numpy.ndarray
        float32 [samples, channels].

    Returns
    -------
    numpy.ndarray
        float32 [samples].

    Example
    -------
    >>> mix_down(np.array([[1.0, 0.0], [0.5, 0.5]], dtype=np.float32)).tolist()
    [0.5, 0.5]
    """
    if samples.shape[1] == 1:
        return samples[:, 0]  # [samples]
    return samples.mean(axis=1, dtype=np.float64).astype(np.float32)  # [samples]


def resample(mono: np.ndarray, rate_hz: int, new_rate_hz: int) -> np.ndarray:
    """Bring samples to another rate, without the frequencies that it cannot hold.

    Arguments
    ---------
    mono : numpy.ndarray
        float32 [samples].
    rate_hz : int
        Their rate.
    new_rate_hz : int
        The rate to give.

    Returns
    -------
    numpy.ndarray
        float32 [samples at the new rate].

    Example
    -------
    >>> resample(np.zeros(441, np.float32), 44100, 16000).shape
    (160,)
    """
    return soxr.resample(mono, rate_hz, new_rate_hz, quality="HQ").astype(np.float32)  # [samples at the new rate]


def hash_samples(samples: np.ndarray, sample_rate_hz: int) -> str:
    """Hash what is heard, whatever the container.

    The hash is SHA-256 of the line "<rate> <channels>" followed by the samples as little-endian float32,
    channels interleaved: a WAV file and its FLAC copy have one hash, other headers and tags change nothing.

    Arguments
    ---------
    samples : numpy.ndarray
        float32 [samples, channels].
    sample_rate_hz : int
        Part of what is hashed: the same samples at another rate are another recording.

    Returns
    -------
    str
        64 hexadecimal digits.

    Example
    -------
    >>> hash_samples(np.zeros((4, 1), np.float32), 16000) == hash_samples(np.zeros((4, 1), np.float32), 8000)
    False
    """
    digest = hashlib.sha256(f"{sample_rate_hz} {samples.shape[1]}\n".encode("ascii"))
    digest.update(np.ascontiguousarray(samples, dtype="<f4").tobytes())
    return digest.hexdigest()


def fault_of_file(path: str | Path) -> AudioFault | None:
    """Find a file that is shorter than its own header says, as a broken copy leaves it."""
    size, promised = check_regular(path).st_size, promised_bytes(path)
    # Some writers count a padding byte that is not there.
    if size + 8 < promised:
        return AudioFault(f"cut off: {size} bytes", f"{promised} bytes, as its header says")
    return None


def fault_of_length(path: str | Path, num_samples: int) -> AudioFault | None:
    """Find a file, read from start to end, with fewer samples than its header says, such as FLAC that is cut off."""
    promised = soundfile.info(str(path)).frames
    if num_samples < promised < UNKNOWN_FRAMES:
        return AudioFault(f"cut off: {num_samples} samples", f"{promised} samples, as its header says")
    return None


def fault_of_end(
    num_samples: int, sample_rate_hz: int, start_s: float | None, end_s: float | None
) -> AudioFault | None:
    """Find a segment that ends clearly before its listed end: its file is cut off, or the time is of another file.

    Example
    -------
    >>> fault_of_end(8000, 16000, 1.0, 1.55), fault_of_end(8000, 16000, 1.0, 3.0).found
    (None, 'the file ends at 1.5 s')
    """
    if end_s is None:
        return None
    found_s = (start_s or 0.0) + num_samples / sample_rate_hz
    if end_s - found_s <= END_TOLERANCE_S:
        return None
    return AudioFault(f"the file ends at {found_s:g} s", f"{end_s:g} s, the end of the segment")


def fault_of_samples(samples: np.ndarray, sample_rate_hz: int) -> AudioFault | None:
    """Find audio that no feature can be computed from.

    Arguments
    ---------
    samples : numpy.ndarray
        float32 [samples, channels].
    sample_rate_hz : int
        The rate of the samples.

    Returns
    -------
    AudioFault or None

    Example
    -------
    >>> fault_of_samples(np.zeros((16000, 1), np.float32), 16000).found
    'silent: all samples are 0'
    """
    if len(samples) == 0:
        return AudioFault("empty: 0 samples", "speech")
    if sample_rate_hz < MIN_RATE_HZ:
        return AudioFault(f"{sample_rate_hz} Hz", f"{MIN_RATE_HZ} Hz or more")
    if len(samples) < MIN_LENGTH_S * sample_rate_hz:
        return AudioFault(f"too short: {len(samples)} samples", f"{round(MIN_LENGTH_S * sample_rate_hz)} or more")
    if not np.isfinite(samples).all():
        return AudioFault("not finite: NaN or infinite samples", "finite samples")
    peak = float(np.abs(samples).max())
    if peak > MAX_PEAK:
        return AudioFault(f"out of range: a sample of {peak:g}", f"samples of -1 to 1, {MAX_PEAK:g} at most")
    mono = mix_down(samples)  # [samples]
    if np.ptp(mono) == 0:
        return AudioFault(f"silent: all samples are {mono[0]:g}", "speech")
    return None
