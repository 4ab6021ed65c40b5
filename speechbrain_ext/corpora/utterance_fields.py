"""What each field of an utterance's record may hold, checked where a manifest is read."""

from __future__ import annotations

from typing import Any

from speechbrain_ext.corpora.labels import EMOTIONS
from speechbrain_ext.utils.json_fields import is_number
from speechbrain_ext.utils.json_values import JsonObject

TEXTS = ("id", "corpus", "wav", "speaker")
TEXTS_OR_NONE = ("sha256", "gender", "session", "text_id", "scenario", "part")
TIMES = ("start_s", "end_s")
COUNTS = ("sample_rate_hz", "num_samples")


def check_fields(record: JsonObject) -> None:
    """Refuse a record with a value of another kind than its field has.

    Arguments
    ---------
    record : dict
        With every field of an utterance.

    Raises
    ------
    ValueError
        The first field that is wrong.

    Example
    -------
    >>> check_fields({"id": ""})
    Traceback (most recent call last):
    ValueError: id: expected a text, found ''
    """
    for name in TEXTS:
        _expect(isinstance(record[name], str) and record[name], name, "a text", record)
    for name in ("label", "intended"):
        _expect(record[name] is None or record[name] in EMOTIONS, name, "an emotion of the vocabulary", record)
    for name in TEXTS_OR_NONE:
        _expect(record[name] is None or isinstance(record[name], str), name, "a text or null", record)
    for name in TIMES:
        value: Any = record[name]
        _expect(value is None or (is_number(value) and value >= 0), name, "a time in seconds or null", record)
    for name in COUNTS:
        value = record[name]
        _expect(value is None or (type(value) is int and value > 0), name, "a whole number above 0 or null", record)
    _expect(record["vad"] is None or _is_vad(record["vad"]), "vad", "three numbers, null where unknown", record)
    _expect(isinstance(record["extra"], dict), "extra", "an object", record)
    _expect(isinstance(record["votes"], list) and all(map(_is_vote, record["votes"])), "votes", "raters' words", record)


def _is_vad(value: Any) -> bool:
    return isinstance(value, list) and all(one is None or is_number(one) for one in value)


def _is_vote(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("rater"), str)
        and all(isinstance(value.get(name, []), list) for name in ("labels", "secondary"))
        and (value.get("vad") is None or _is_vad(value["vad"]))
    )


def _expect(is_right: Any, name: str, expected: str, record: JsonObject) -> None:
    if not is_right:
        raise ValueError(f"{name}: expected {expected}, found {str(record[name])[:80]!r}")
