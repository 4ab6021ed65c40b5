"""The words that corpora and other tools write for the emotions of the vocabulary, and a user's map of more words."""

from __future__ import annotations

import json
from pathlib import Path

from speechbrain_ext.corpora.labels import EMOTIONS
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.regular_file import read_regular

LabelMap = dict[str, str | None]  # by word in lower case: an emotion of the vocabulary, None to leave out

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


def read_words(path: str | Path) -> JsonObject:
    """Read a JSON object that says what words mean, in words.

    Raises
    ------
    UserError
        The file cannot be read, or is no such object.
    """
    expected = 'expected a JSON object such as {"elated": "happiness", "noise": null}'
    try:
        content = json.loads(read_regular(path).decode("utf-8-sig"))
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror}), {expected}: name it") from None
    except (ValueError, RecursionError) as fault:
        raise UserError(f"{path}: no JSON ({' '.join(str(fault).split())[:100]}), {expected}: mend it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: found {type(content).__name__}, {expected}: mend it")
    return content


def read_label_map(path: str | Path) -> LabelMap:
    """Read what the option --label-map names.

    Arguments
    ---------
    path : str or Path
        A JSON object: a word outside the vocabulary, and the emotion that it means, or null for utterances without
        a label.

    Returns
    -------
    dict
        By word in lower case.

    Raises
    ------
    UserError
        The file cannot be read; a word is known already, stands twice, or means no emotion of the vocabulary.

    Example
    -------
    >>> path = getfixture("tmp_path") / "map.json"
    >>> _ = path.write_text('{"Elated": "happy", "noise": null}')
    >>> read_label_map(path)
    {'elated': 'happiness', 'noise': None}
    """
    found: LabelMap = {}
    for word, meaning in read_words(path).items():
        key = word.strip().casefold()
        if (known := emotion_of(key)) is not None:
            raise UserError(f"{path}: {word!r} means {known} already: leave it out of the map")
        if not key or key in found:
            raise UserError(f"{path}: {word!r}: expected each word once: leave one out")
        emotion = emotion_of(meaning) if isinstance(meaning, str) else None
        if meaning is not None and emotion is None:
            raise UserError(f"{path}: {word!r} as {str(meaning)[:40]!r}, expected {words_expected(str(meaning)[:40])}")
        found[key] = emotion
    if not found:
        raise UserError(f"{path}: no word, expected at least one: write it, or leave --label-map out")
    return found
