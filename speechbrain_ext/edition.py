"""What a copy of a corpus holds, beside what its owners published; and what the copy is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from speechbrain_ext.corpora import Corpus
from speechbrain_ext.errors import UserError
from speechbrain_ext.manifest import Utterance

AS_PUBLISHED = "as published"
_KINDS = {"labels": "label", "speakers": "speaker", "sessions": "session", "scenarios": "scenario"}


def count(utterances: Sequence[Utterance]) -> dict[str, Any]:
    """Count utterances, hours, and utterances by label, speaker, session and scenario.

    Arguments
    ---------
    utterances : sequence of Utterance
        Measured, or not.

    Returns
    -------
    dict
        "utterances", "hours" (None when an utterance is not measured), "labels", "speakers", "sessions",
        "scenarios"; utterances that have none are counted under "none".
    """
    durations_s = [utterance.duration_s for utterance in utterances]
    hours = None if None in durations_s else round(sum(durations_s) / 3600, 6)
    counts: dict[str, Any] = {"utterances": len(utterances), "hours": hours}
    for kind, field in _KINDS.items():
        values = Counter(getattr(item, field) for item in utterances)
        named = {value: number for value, number in values.items() if value is not None}
        counts[kind] = dict(sorted(named.items())) | ({"none": values[None]} if None in values else {})
    return counts


def beside(corpus: Corpus, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Give what was found beside what is published: utterances, hours, each label, each speaker.

    Returns
    -------
    dict
        Each leaf is {"found": n, "expected": n}; "expected" is None where nothing is published.
    """
    expected = corpus.expected
    pairs: dict[str, Any] = {
        "utterances": {"found": counts["utterances"], "expected": expected.utterances},
        "hours": {"found": counts["hours"], "expected": expected.hours},
    }
    for kind, known in (("labels", expected.labels), ("speakers", expected.speakers)):
        names = sorted(counts[kind].keys() | known.keys())
        missing = 0 if known else None
        pairs[kind] = {
            name: {"found": counts[kind].get(name, 0), "expected": known.get(name, missing)} for name in names
        }
    return pairs


def differences(corpus: Corpus, counts: Mapping[str, Any]) -> list[str]:
    """List where the counts found are not the published ones, each as "what found (published n)"."""
    both = beside(corpus, counts)
    pairs = {"utterances": both["utterances"]}
    for kind in ("labels", "speakers"):
        pairs |= {f"{kind[:-1]} {name}": pair for name, pair in both[kind].items()}
    found = [
        f"{what} {pair['found']} (published {pair['expected']})"
        for what, pair in pairs.items()
        if pair["expected"] is not None and pair["found"] != pair["expected"]
    ]
    hours, published = counts["hours"], corpus.expected.hours
    # the published length is told with two digits
    if hours is not None and abs(hours - published) > 0.005:
        found.append(f"hours {hours:.2f} (published {published:.2f})")
    return found


def name_edition(corpus: Corpus, source: str, counts: Mapping[str, Any], asked: str | None) -> str:
    """Name the edition of a copy: "as published" only where counts and hours are the corpus's own.

    Arguments
    ---------
    corpus : Corpus
        With its published counts.
    source : str
        "real" or "mini".
    counts : mapping
        As `count` gives them.
    asked : str or None
        The user's words for this copy.

    Returns
    -------
    str

    Raises
    ------
    UserError
        The user says "as published", and it is not.
    """
    if source == "mini":
        return "mini"
    hours = counts["hours"]
    published = hours is not None and not differences(corpus, counts)
    found = f"{counts['utterances']} utterances, " + ("audio not read" if hours is None else f"{hours:.2f} h")
    if asked is None:
        return AS_PUBLISHED if published else f"not {AS_PUBLISHED}: {found}"
    if asked.lower() == AS_PUBLISHED:
        if not published:
            known = f"{corpus.expected.utterances} utterances, {corpus.expected.hours:.2f} h"
            raise UserError(f"--edition {asked}: found {found}, published are {known}: leave it out or name the copy")
        return AS_PUBLISHED
    return asked
