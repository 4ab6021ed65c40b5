"""Words for emotions that the vocabulary does not know, and what they mean: a JSON object, word by word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from speechbrain_ext.corpora.emotion_words import emotion_of, words_expected
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.regular_file import read_regular

LabelMap = dict[str, str | None]  # by word in lower case: an emotion of the vocabulary, None to leave out


def read_words(path: str | Path) -> dict[str, object]:
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


def unused_words(label_map: Mapping[str, str | None], used: set[str]) -> list[str]:
    """Name the words of a map that no line of a corpus has."""
    return [word for word in label_map if word not in used]
