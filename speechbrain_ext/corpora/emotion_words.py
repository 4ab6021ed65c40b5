"""The words that corpora and other tools write for the emotions of the one vocabulary."""

from __future__ import annotations

from speechbrain_ext.corpora.labels import EMOTIONS
from speechbrain_ext.utils.nearest import nearest

_SPELLINGS = {
    "anger": "angry ang",
    "boredom": "bored bor boredem",  # "boredem" is what EmoBox's EmoDB files say
    "calm": "cal",
    "contempt": "contemptuous",
    "disgust": "disgusted dis",
    "excited": "exc excitement",
    "fear": "fearful fea afraid",
    "frustration": "frustrated fru",
    "happiness": "happy hap joy",
    "neutral": "neu",
    "sadness": "sad",
    "surprise": "surprised sur",
    "other": "oth",
}
EMOTION_WORDS: dict[str, str] = {
    word: emotion for emotion in EMOTIONS for word in (emotion, *_SPELLINGS[emotion].split())
}


def emotion_of(word: str) -> str | None:
    """Give the emotion that a word means, whatever its case; None where it means none that is known.

    Arguments
    ---------
    word : str
        As a corpus or a tool writes it.

    Returns
    -------
    str or None
        An emotion of the vocabulary.

    Example
    -------
    >>> emotion_of("Angry"), emotion_of("hap"), emotion_of("elated")
    ('anger', 'happiness', None)
    """
    return EMOTION_WORDS.get(word.strip().casefold())


def words_expected(word: str) -> str:
    """Say what was expected in place of an unknown word: the nearest known one, and the vocabulary.

    Example
    -------
    >>> words_expected("angrry")
    'angry? The emotions are anger, boredom, calm, contempt, disgust, excited, ... other'
    """
    near = nearest(word.strip(), EMOTION_WORDS, cutoff=0.7)
    known = ", ".join(EMOTIONS)
    return f"{near}? The emotions are {known}" if near else f"one of {known}"
