"""Speakers and emotions of all mini corpora: one model, so that crossing corpora means something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np

from speechbrain_ext.testing.speech import Delivery, Random, stream

NEUTRAL_ACCENT_ST = 4.5
NEUTRAL_SLOPE_ST = -3.0
NEUTRAL_CUTOFF_HZ = 1400.0
NEUTRAL_LEVEL_DB = -25.0
NEUTRAL_RATE = 0.92
PITCH_HZ = {"M": (92.0, 142.0), "F": (172.0, 248.0)}
TRACT = {"M": (0.95, 1.05), "F": (1.10, 1.20)}


@dataclass(frozen=True)
class Style:
    """A change of speaking style; all zeros is a neutral one.

    Arguments
    ---------
    pitch_st : float
        Level of pitch in semitones.
    range_oct, rate_oct, tilt_oct, jitter_oct : float
        Range of pitch, speed, corner of the source's low-pass and jitter, as octaves (1 doubles).
    slope_st : float
        Slope of pitch over the utterance in semitones.
    level_db : float
        Loudness.
    breath_db : float
        Aspiration noise.
    articulation_oct : float
        Size of the vowel space, as octaves.
    """

    pitch_st: float = 0.0
    range_oct: float = 0.0
    slope_st: float = 0.0
    rate_oct: float = 0.0
    level_db: float = 0.0
    tilt_oct: float = 0.0
    jitter_oct: float = 0.0
    breath_db: float = 0.0
    articulation_oct: float = 0.0


EMOTIONS: dict[str, Style] = {
    "anger": Style(3.0, 0.50, -3.0, 0.14, 4.0, 0.95, 0.60, -1.0, 0.16),
    "boredom": Style(-2.5, -0.80, 1.0, -0.24, -1.5, -0.35, 0.00, 1.0, -0.20),
    "disgust": Style(-0.5, 0.15, -2.5, -0.22, 0.0, 0.20, 0.90, 3.5, 0.08),
    "excited": Style(5.0, 0.85, 2.0, 0.16, 3.5, 0.50, 0.00, 0.5, 0.12),
    "fear": Style(5.0, -0.20, 1.5, 0.22, 0.0, -0.10, 0.70, 4.0, -0.05),
    "frustration": Style(1.0, 0.15, -3.0, -0.08, 1.5, 0.55, 0.50, 0.0, 0.06),
    "happiness": Style(4.5, 0.75, 3.5, -0.02, 2.0, 0.25, -0.10, 0.0, 0.10),
    "neutral": Style(-0.5, -0.30, -0.5, 0.04, -0.5, 0.10, -0.60, -3.0, 0.06),
    "sadness": Style(0.5, -0.60, -2.0, -0.26, -3.0, -0.85, 0.30, 5.5, -0.22),
    "surprise": Style(5.5, 0.90, 6.0, 0.06, 1.5, 0.15, 0.10, 1.5, 0.06),
}

# Spread of single utterances around their speaker's and emotion's mean: what makes the classes overlap.
SPREAD = Style(0.7, 0.18, 0.9, 0.05, 2.0, 0.16, 0.20, 1.0, 0.045)
INTENSITY = (0.75, 1.20)


@dataclass(frozen=True)
class Speaker:
    """A person who speaks in a mini corpus.

    Arguments
    ---------
    name, gender : str
        As the corpus writes them; gender is "F" or "M".
    pitch_hz : float
        Neutral level of pitch.
    tract : float
        Factor on the formants.
    habit : Style
        The person's own way of speaking, present in every emotion.
    """

    name: str
    gender: str
    pitch_hz: float
    tract: float
    habit: Style


def cast(corpus: str, genders: Mapping[str, str]) -> dict[str, Speaker]:
    """Give the speakers of a corpus their voices.

    Arguments
    ---------
    corpus : str
        Name of the corpus; other corpora have other people.
    genders : Mapping
        From a speaker's name to "F" or "M". Within a gender, pitch rises in this order.

    Returns
    -------
    dict
        From a speaker's name to the Speaker.

    Example
    -------
    >>> people = cast("toy", {"1": "M", "2": "F", "3": "M"})
    >>> people["1"].pitch_hz < people["3"].pitch_hz < people["2"].pitch_hz
    True
    """
    people = {}
    for gender in sorted(set(genders.values())):
        names = [name for name in genders if genders[name] == gender]
        low_hz, high_hz = PITCH_HZ[gender]
        for position, name in enumerate(names):
            random = stream("speaker", corpus, name)
            pitch_hz = low_hz * (high_hz / low_hz) ** ((position + random.uniform(0.3, 0.7)) / len(names))
            habit = 0.7 * np.array(astuple(SPREAD)) * random.uniform(-1.5, 1.5, 9)
            habit[0] = 0.0  # the level of pitch is the speaker's own already
            people[name] = Speaker(name, gender, pitch_hz, random.uniform(*TRACT[gender]), Style(*habit.tolist()))
    return people


def deliver(speaker: Speaker, emotion: str, random: Random, intensity: float | None = None) -> Delivery:
    """Draw how a speaker says one utterance in an emotion.

    Arguments
    ---------
    speaker : Speaker
        Who speaks.
    emotion : str
        A key of EMOTIONS.
    random : numpy.random.RandomState
        The utterance's own stream.
    intensity : float or None
        How much of the emotion's style is put on; 1 is all of it. None draws one from INTENSITY.

    Returns
    -------
    Delivery
        Values for the synthesiser.

    Example
    -------
    >>> person = cast("toy", {"1": "M"})["1"]
    >>> quiet, loud = (deliver(person, name, stream(1)) for name in ("sadness", "anger"))
    >>> quiet.level_db < loud.level_db and quiet.pitch_hz < loud.pitch_hz and quiet.rate < loud.rate
    True
    """
    drawn = random.uniform(*INTENSITY)
    intensity = drawn if intensity is None else intensity
    chance = np.clip(random.standard_normal(9), -2.2, 2.2)
    habit, shift, spread = (np.array(astuple(style)) for style in (speaker.habit, EMOTIONS[emotion], SPREAD))
    style = Style(*(habit + intensity * shift + chance * spread).tolist())
    return Delivery(
        pitch_hz=speaker.pitch_hz * 2 ** (style.pitch_st / 12),
        accent_st=NEUTRAL_ACCENT_ST * 2**style.range_oct,
        slope_st=NEUTRAL_SLOPE_ST + style.slope_st,
        tract=speaker.tract,
        articulation=min(0.9 * 2**style.articulation_oct, 1.1),
        rate=NEUTRAL_RATE * 2**style.rate_oct,
        level_db=NEUTRAL_LEVEL_DB + style.level_db,
        cutoff_hz=NEUTRAL_CUTOFF_HZ * 2**style.tilt_oct,
        open_quotient=min(max(0.56 - 0.09 * style.tilt_oct, 0.42), 0.72),
        jitter=0.012 * 2**style.jitter_oct,
        shimmer=0.05 * 2**style.jitter_oct,
        breath=0.010 * 10 ** (style.breath_db / 20),
        floor_db=-68.0,
        lead_ms=random.uniform(40, 110),
        trail_ms=random.uniform(50, 130),
    )
