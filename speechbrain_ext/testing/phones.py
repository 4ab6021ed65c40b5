"""Phones of the mini corpora: formant targets, voicing and noise of each segment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """A stretch of steady targets; the synthesiser moves from one to the next.

    Arguments
    ---------
    formants_hz : tuple of float
        F1 to F4 of an adult male speaker.
    duration_ms : float
        Length at a neutral rate.
    voice : float
        Amplitude of the glottal source, 0 to 1.
    hiss : float
        Amplitude of noise made in the mouth, 0 to 1.
    hiss_hz : float
        Centre of that noise.
    stretch : float
        How much of a change of rate the segment takes: vowels and pauses more than bursts.
    accent : bool
        Whether the intonation may put an accent here (vowels).
    """

    formants_hz: tuple[float, float, float, float]
    duration_ms: float
    voice: float = 0.0
    hiss: float = 0.0
    hiss_hz: float = 4000.0
    stretch: float = 1.0
    accent: bool = False


Place = tuple[float, float, float, float]  # F1 to F4 in Hz
LABIAL = (300.0, 950.0, 2250.0, 3400.0)
ALVEOLAR = (300.0, 1700.0, 2600.0, 3500.0)
PALATAL = (320.0, 1950.0, 2650.0, 3500.0)
VELAR = (320.0, 1450.0, 2200.0, 3400.0)
NEUTRAL = (500.0, 1500.0, 2500.0, 3500.0)


def _vowel(f1_hz: float, f2_hz: float, f3_hz: float, duration_ms: float = 95.0) -> tuple[Segment, ...]:
    formants = (f1_hz, f2_hz, f3_hz, 3500.0)
    return (Segment(formants, duration_ms, voice=1.0, stretch=1.2, accent=duration_ms > 60),)


def _sonorant(f1_hz: float, f2_hz: float, f3_hz: float, voice: float) -> tuple[Segment, ...]:
    return (Segment((f1_hz, f2_hz, f3_hz, 3400.0), 60.0, voice=voice),)


def _fricative(place: Place, hiss: float, hiss_hz: float, voice: float = 0.0) -> tuple[Segment, ...]:
    return (Segment(place, 80.0 if voice == 0 else 62.0, voice=voice, hiss=hiss, hiss_hz=hiss_hz, stretch=0.8),)


def _stop(place: Place, hiss: float, hiss_hz: float, voice: float = 0.0) -> tuple[Segment, ...]:
    closure = Segment(place, 48.0 if voice == 0 else 38.0, voice=voice, stretch=0.8)
    burst = Segment(place, 24.0 if voice == 0 else 12.0, voice=voice, hiss=hiss, hiss_hz=hiss_hz, stretch=0.4)
    return (closure, burst)


_S = _fricative(ALVEOLAR, 0.55, 5600.0)
_T = _stop(ALVEOLAR, 0.60, 4200.0)

PHONES: dict[str, tuple[Segment, ...]] = {
    "i": _vowel(290, 2250, 2950),
    "I": _vowel(390, 1950, 2550, 75),
    "e": _vowel(380, 2150, 2700),
    "E": _vowel(530, 1800, 2500, 85),
    "a": _vowel(730, 1250, 2500),
    "O": _vowel(550, 900, 2450, 85),
    "o": _vowel(400, 780, 2400),
    "u": _vowel(310, 800, 2250),
    "y": _vowel(300, 1750, 2200),
    "@": _vowel(480, 1450, 2450, 52),
    "m": _sonorant(260, 1100, 2200, 0.45),
    "n": _sonorant(260, 1600, 2550, 0.45),
    "l": _sonorant(340, 1250, 2700, 0.60),
    "r": _sonorant(460, 1250, 1950, 0.55),
    "v": _fricative(LABIAL, 0.12, 3800.0, voice=0.40),
    "z": _fricative(ALVEOLAR, 0.22, 5400.0, voice=0.35),
    "f": _fricative(LABIAL, 0.25, 4600.0),
    "s": _S,
    "S": _fricative(PALATAL, 0.60, 3100.0),
    "x": _fricative(VELAR, 0.40, 1900.0),
    "h": _fricative(NEUTRAL, 0.20, 1500.0),
    "b": _stop(LABIAL, 0.25, 1200.0, voice=0.15),
    "d": _stop(ALVEOLAR, 0.35, 3800.0, voice=0.15),
    "g": _stop(VELAR, 0.30, 2000.0, voice=0.15),
    "p": _stop(LABIAL, 0.45, 1300.0),
    "t": _T,
    "k": _stop(VELAR, 0.55, 2100.0),
    "ts": (*_T, *_S),
    "_": (Segment(NEUTRAL, 95.0, stretch=1.2),),
}


def segments_of(sentence: str) -> list[Segment]:
    """Turn a sentence of phones, written with spaces between them, into segments.

    Arguments
    ---------
    sentence : str
        Names of phones; `_` is a pause.

    Returns
    -------
    list of Segment
        In order of time; a stop gives two, its closure and its burst.

    Example
    -------
    >>> [segment.duration_ms for segment in segments_of("t a")]
    [48.0, 24.0, 95.0]
    """
    return [segment for phone in sentence.split() for segment in PHONES[phone]]
