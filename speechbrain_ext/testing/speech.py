"""Source-filter synthesis of speech-like audio, the same bytes on every machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dtbsv
from scipy.signal import lfilter

from speechbrain_ext.testing.phones import Segment

SAMPLE_RATE_HZ = 16000
BLOCK_SAMPLES = 80
BANDWIDTHS_HZ = np.array([70.0, 95.0, 140.0, 210.0, 320.0])
FIFTH_FORMANT_HZ = 4400.0
PEAK = 0.92
Random = np.random.RandomState


@dataclass(frozen=True)
class Delivery:
    """How one utterance is spoken: the speaker, the emotion and chance together.

    Arguments
    ---------
    pitch_hz : float
        Pitch at the middle of the utterance, between accents.
    accent_st : float
        Height of a full accent in semitones.
    slope_st : float
        Fall (negative) or rise of pitch from the first sample to the last, in semitones.
    tract : float
        Factor on all formants; a short vocal tract has a large one.
    articulation : float
        Factor on the distance of the formants from those of a neutral tube.
    rate : float
        Factor on the speed; 1 speaks the durations of the phone table.
    level_db : float
        Root mean square level in decibels below full scale (negative).
    cutoff_hz : float
        Corner of the low-pass of the glottal source; low is a soft voice, high a pressed one.
    open_quotient : float
        Part of a glottal cycle in which the folds are open.
    jitter : float
        Standard deviation of the length of a cycle, relative.
    shimmer : float
        Standard deviation of the amplitude of a cycle, relative.
    breath : float
        Amplitude of the aspiration noise added to the glottal pulses.
    floor_db : float
        Level of the room's noise in decibels below full scale (negative).
    lead_ms, trail_ms : float
        Near-silence before and after.
    """

    pitch_hz: float
    accent_st: float
    slope_st: float
    tract: float
    articulation: float
    rate: float
    level_db: float
    cutoff_hz: float
    open_quotient: float
    jitter: float
    shimmer: float
    breath: float
    floor_db: float
    lead_ms: float
    trail_ms: float


def stream(*names: object) -> Random:
    """Make a random stream that depends on names alone.

    `RandomState` and not `Generator`: numpy promises that its numbers never change.

    Arguments
    ---------
    *names : object
        What the stream is for; equal names give equal streams in every process.

    Example
    -------
    >>> stream("mini", 3).randint(1000) == stream("mini", "3").randint(1000)
    True
    """
    digest = hashlib.sha256(":".join(map(str, names)).encode("utf-8")).digest()
    return Random(np.frombuffer(digest, dtype="<u4").astype(np.uint32))


def synthesise(segments: list[Segment], delivery: Delivery, random: Random) -> np.ndarray:
    """Speak a sequence of segments.

    Glottal pulses and aspiration pass a cascade of five moving resonators; noise of the mouth is added
    in parallel; their sum takes the level asked for and lies on a low noise floor.

    Arguments
    ---------
    segments : list of Segment
        What to say.
    delivery : Delivery
        How to say it.
    random : numpy.random.RandomState
        Source of all chance.

    Returns
    -------
    numpy.ndarray
        Samples at 16 kHz, int16, [time].

    Source
    ------
    D. H. Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67(3), 1980,
    section II (resonators); glottal flow: D. H. Klatt and L. C. Klatt, J. Acoust. Soc. Am. 87(2), 1990.
    """
    edges_s = _edges(segments, delivery, random)
    num_blocks = int((edges_s[-1] + delivery.trail_ms / 1000) * SAMPLE_RATE_HZ) // BLOCK_SAMPLES
    times_s = np.arange(num_blocks * BLOCK_SAMPLES) / SAMPLE_RATE_HZ  # [time]
    source = _voice(segments, edges_s, times_s, delivery, random)
    speech = _tract(source, _formants(segments, edges_s, num_blocks, delivery))
    speech = speech / (np.sqrt(np.mean(speech * speech)) + 1e-12) + 0.75 * _mouth(
        segments, edges_s, len(times_s), random
    )
    # The level counts between the first and the last phone, so that a long silence makes no speaker louder.
    inside = speech[int(edges_s[0] * SAMPLE_RATE_HZ) : int(edges_s[-1] * SAMPLE_RATE_HZ)]
    gain = 10 ** (delivery.level_db / 20) / np.sqrt(np.mean(inside * inside))
    gain = min(gain, PEAK / np.max(np.abs(speech)))
    floor = 10 ** (delivery.floor_db / 20) * np.sqrt(3) * random.uniform(-1, 1, len(times_s))
    return np.round((gain * speech + floor) * 32767).astype(np.int16)


def _edges(segments: list[Segment], delivery: Delivery, random: Random) -> np.ndarray:
    """Times of the borders between segments in seconds, one more than there are segments."""
    wobble = np.exp(0.10 * random.standard_normal(len(segments)))
    durations_ms = [
        segment.duration_ms * factor * delivery.rate**-segment.stretch
        for segment, factor in zip(segments, wobble, strict=True)
    ]
    return (delivery.lead_ms + np.concatenate([[0.0], np.cumsum(durations_ms)])) / 1000


def _track(values: np.ndarray, edges_s: np.ndarray, times_s: np.ndarray, steady: float) -> np.ndarray:
    """Hold each value over the middle part `steady` of its segment and move in straight lines between."""
    lengths_s = np.diff(edges_s)
    margins_s = (1 - steady) / 2 * lengths_s
    knots_s = np.stack([edges_s[:-1] + margins_s, edges_s[1:] - margins_s], axis=1).ravel()
    return np.interp(times_s, knots_s, np.repeat(values, 2))


def _pitch(
    segments: list[Segment], edges_s: np.ndarray, times_s: np.ndarray, delivery: Delivery, random: Random
) -> np.ndarray:
    """Pitch at each sample in hertz: a slope over the utterance, accents on vowels, a slow drift."""
    length_s = edges_s[-1] - edges_s[0]
    progress = np.clip((times_s - edges_s[0]) / length_s, 0, 1)
    contour_st = delivery.slope_st * (progress - 0.5)
    for start_s, end_s, segment in zip(edges_s[:-1], edges_s[1:], segments, strict=True):
        if segment.accent:
            height_st = delivery.accent_st * random.uniform(-0.15, 1.0)
            contour_st = contour_st + height_st * np.exp(-0.5 * ((times_s - (start_s + end_s) / 2) / 0.055) ** 2)
    drift = np.interp(progress, np.linspace(0, 1, 6), random.standard_normal(6))
    return delivery.pitch_hz * 2 ** ((contour_st + 0.06 * delivery.accent_st * drift) / 12)


def _voice(
    segments: list[Segment], edges_s: np.ndarray, times_s: np.ndarray, delivery: Delivery, random: Random
) -> np.ndarray:
    """Derivative of the glottal flow with jitter, shimmer, spectral tilt and aspiration noise."""
    pitch_hz = _pitch(segments, edges_s, times_s, delivery, random)
    starts_s, end_s = [0.0], times_s[-1] + 0.05
    while starts_s[-1] < end_s:
        here = min(int(starts_s[-1] * SAMPLE_RATE_HZ), len(pitch_hz) - 1)
        length = max(0.4, 1 + delivery.jitter * random.standard_normal())
        starts_s.append(starts_s[-1] + length / pitch_hz[here])
    starts = np.array(starts_s)
    cycle = np.searchsorted(starts, times_s, side="right") - 1
    phase = (times_s - starts[cycle]) / (starts[cycle + 1] - starts[cycle])
    opening = np.clip(phase / delivery.open_quotient, 0, 1)
    height = 1 + delivery.shimmer * random.standard_normal(len(starts))
    flow = height[cycle] * 6.75 * opening**2 * (1 - opening)
    # A difference of the flow, not its sampled derivative: the jump at closure would alias.
    pulses = np.diff(flow, prepend=0.0) / pitch_hz * 400.0
    noise = delivery.breath * random.uniform(-1, 1, len(times_s)) * (0.4 + 0.6 * (opening < 1))
    pole = np.exp(-2 * np.pi * delivery.cutoff_hz / SAMPLE_RATE_HZ)
    soft = lfilter([1 - pole], [1, -pole], pulses)
    voicing = np.array([0.0, *(segment.voice for segment in segments), 0.0])
    padded_s = np.concatenate([[edges_s[0] - 0.02], edges_s, [edges_s[-1] + 0.03]])
    return _track(voicing, padded_s, times_s, steady=0.7) * (soft + noise)


def _formants(segments: list[Segment], edges_s: np.ndarray, num_blocks: int, delivery: Delivery) -> np.ndarray:
    """Formants at the middle of each block in hertz, [block, 5]."""
    times_s = (np.arange(num_blocks) + 0.5) * BLOCK_SAMPLES / SAMPLE_RATE_HZ
    targets = np.array([(*segment.formants_hz, FIFTH_FORMANT_HZ) for segment in segments])  # [segment, 5]
    tube = np.array([500.0, 1500.0, 2500.0, 3500.0, FIFTH_FORMANT_HZ])
    targets = delivery.tract * (tube + delivery.articulation * (targets - tube))
    return np.stack([_track(column, edges_s, times_s, steady=0.4) for column in targets.T], axis=1)  # [block, 5]


def _resonators(centres_hz: np.ndarray, bandwidths_hz: np.ndarray) -> np.ndarray:
    """Second-order sections with gain 1 at 0 Hz, [..., section, 6]."""
    radius = np.exp(-np.pi * bandwidths_hz / SAMPLE_RATE_HZ)
    first = -2 * radius * np.cos(2 * np.pi * centres_hz / SAMPLE_RATE_HZ)
    second = np.broadcast_to(radius**2, first.shape)
    zero, one = np.zeros_like(first), np.ones_like(first)
    return np.stack([1 + first + second, zero, zero, one, first, second], axis=-1)  # [..., section, 6]


def _tract(source: np.ndarray, formants_hz: np.ndarray) -> np.ndarray:
    """Filter the source through resonators that move from block to block and keep their state."""
    sections = np.repeat(_resonators(formants_hz, BANDWIDTHS_HZ), BLOCK_SAMPLES, axis=0)  # [time, 5, 6]
    output = source
    for gain, first, second in sections[:, :, [0, 4, 5]].transpose(1, 2, 0):
        # y[n] + first[n - 1] y[n - 1] + second[n - 2] y[n - 2] = gain[n] x[n], all samples as one triangular system:
        # the coefficients of a sample's own block weigh what it leaves to later samples, as in `scipy.signal.sosfilt`.
        bands = np.stack([np.ones_like(first), first, second])  # [diagonal and two below it, time]
        output = dtbsv(2, bands, gain * output, lower=1)
    return output


def _mouth(segments: list[Segment], edges_s: np.ndarray, num_samples: int, random: Random) -> np.ndarray:
    """Noise of fricatives and bursts, each through its own resonance."""
    output = np.zeros(num_samples)
    for start_s, end_s, segment in zip(edges_s[:-1], edges_s[1:], segments, strict=True):
        if segment.hiss == 0:
            continue
        first = int(start_s * SAMPLE_RATE_HZ)
        length = min(int((end_s - start_s) * SAMPLE_RATE_HZ) + 64, num_samples - first)
        ramp = np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.008 * SAMPLE_RATE_HZ)
        noise = random.uniform(-1, 1, length) * np.minimum(ramp, 1)
        section = _resonators(np.array([segment.hiss_hz]), np.array([0.35 * segment.hiss_hz]))
        shaped = lfilter([1.0, -1.0], section[0, 3:], noise)
        output[first : first + length] += segment.hiss * shaped
    return output
