"""What a copy of a corpus holds, beside what its owners published; and what the copy is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from speechbrain_ext.corpora import CORPORA, Corpus, Expected, Subset
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_json

AS_PUBLISHED = "as published"
COUNTS_AND_HOURS_PUBLISHED = "counts and hours as published"
COUNTS_PUBLISHED = "counts as published"
PUBLISHED = (AS_PUBLISHED, COUNTS_AND_HOURS_PUBLISHED, COUNTS_PUBLISHED)
_KINDS = {
    "labels": "label",
    "speakers": "speaker",
    "sessions": "session",
    "scenarios": "scenario",
    "parts": "part",
}


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
        "scenarios", "parts"; utterances that have none are counted under "none".
    """
    durations_s = [utterance.duration_s for utterance in utterances]
    hours = None if None in durations_s else round(sum(durations_s) / 3600, 6)
    counts: dict[str, Any] = {"utterances": len(utterances), "hours": hours}
    for kind, field in _KINDS.items():
        values = Counter(getattr(item, field) for item in utterances)
        named = {value: number for value, number in values.items() if value is not None}
        counts[kind] = dict(sorted(named.items())) | ({"none": values[None]} if None in values else {})
    return counts


def count_subset(subset: Subset, utterances: Sequence[Utterance]) -> dict[str, Any]:
    """Count the utterances of a part that papers use, and those of each label, speaker and session."""
    used = [(label, item) for item in utterances if (label := subset.task.label_of(item)) is not None]
    return {
        "name": subset.name,
        "utterances": len(used),
        "labels": dict(sorted(Counter(label for label, _ in used).items())),
        "speakers": dict(sorted(Counter(item.speaker for _, item in used).items())),
        "sessions": dict(sorted(Counter(item.session for _, item in used if item.session).items())),
    }


def beside(corpus: Corpus, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Give what was found beside what is published.

    Arguments
    ---------
    corpus : Corpus
        With its published counts, or None.
    counts : mapping
        As `count` gives them, "subsets" as `count_subset` does.

    Returns
    -------
    dict
        "utterances", "hours", "labels", "speakers", "parts", and "subsets" (by name). Each leaf is {"found": n,
        "expected": n}; "expected" is None where nothing is published.
    """
    expected = corpus.expected or Expected(utterances=None)
    pairs: dict[str, Any] = {
        "utterances": {"found": counts["utterances"], "expected": expected.utterances},
        "hours": {"found": counts["hours"], "expected": expected.hours},
    }
    for kind in ("labels", "speakers", "parts"):
        pairs[kind] = _pairs(counts[kind], getattr(expected, kind))
    pairs["subsets"] = {
        subset.name: {
            "utterances": {"found": found["utterances"], "expected": subset.utterances},
            **{kind: _pairs(found[kind], getattr(subset, kind)) for kind in ("labels", "speakers", "sessions")},
        }
        for subset, found in zip(expected.subsets, counts.get("subsets", ()), strict=True)
    }
    return pairs


def _pairs(found: Mapping[str, int], known: Mapping[str, int]) -> dict[str, dict[str, int | None]]:
    missing = 0 if known else None
    names = sorted(found.keys() | known.keys())
    return {name: {"found": found.get(name, 0), "expected": known.get(name, missing)} for name in names}


def differences(corpus: Corpus, counts: Mapping[str, Any]) -> list[str]:
    """List where the counts found are not the published ones, each as "what found (published n)"."""
    if corpus.expected is None:
        return []
    both = beside(corpus, counts)
    pairs = {"utterances": both["utterances"], **_named(both, "")}
    for name, subset in both["subsets"].items():
        pairs |= {f"{name}": subset["utterances"], **_named(subset, f"{name}: ")}
    found = [
        f"{what} {pair['found']} (published {pair['expected']})"
        for what, pair in pairs.items()
        if pair["expected"] is not None and pair["found"] != pair["expected"]
    ]
    hours, published = counts["hours"], corpus.expected.hours
    # the published length is told with two digits
    if None not in (hours, published) and abs(hours - published) > 0.005:
        found.append(f"hours {hours:.2f} (published {published:.2f})")
    return found


def _named(both: Mapping[str, Any], before: str) -> dict[str, dict[str, int | None]]:
    kinds = [kind for kind in ("labels", "speakers", "parts", "sessions") if kind in both]
    return {f"{before}{kind[:-1]} {name}": pair for kind in kinds for name, pair in both[kind].items()}


def hash_audio(utterances: Sequence[Utterance]) -> str | None:
    """Hash the audio hashes of all utterances, sorted; None where one is not known."""
    hashes = [item.sha256 for item in utterances]
    return None if None in hashes else sha256_json(sorted(hashes))


def is_published(edition: str) -> bool:
    """Whether an edition's name says that the copy is the published corpus, as far as it is known."""
    return edition in PUBLISHED


def is_other_edition(corpus: str, edition: str) -> bool:
    """Whether a copy of a published corpus is not as published; False for a corpus that nobody published.

    Example
    -------
    >>> is_other_edition("EmoDB", "2 s copy"), is_other_edition("mine", "160 utterances, 0.10 h")
    (True, False)
    """
    return corpus in {known.name for known in CORPORA.values()} and not is_published(edition)


def name_edition(
    corpus: Corpus, source: str, counts: Mapping[str, Any], asked: str | None, audio_sha256: str | None = None
) -> str:
    """Name the edition of a copy by the hash of its audio where the published one is known, else by counts and hours.

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
    audio_sha256 : str or None
        As `hash_audio` gives it.

    Returns
    -------
    str
        "as published" where the hash is the published one; "counts and hours as published" (or "counts as published"
        where no hours are published) where no hash is known; "not as published" with the size otherwise. The size
        alone for a corpus that nobody published.

    Raises
    ------
    UserError
        The user says "as published", and it is not.
    """
    if source == "mini":
        return "mini"
    found = _size(counts)
    named = _published_name(corpus, counts, audio_sha256)
    if asked is None and corpus.expected is None:
        return found
    if asked is None:
        return named or f"not {AS_PUBLISHED}: {found}"
    if asked.lower() in PUBLISHED:
        if named is None:
            published = _published_size(corpus.expected)
            raise UserError(
                f"--edition {asked}: found {found}, published are {published}: leave it out or name the copy"
            )
        return named
    return asked


def _size(counts: Mapping[str, Any]) -> str:
    hours = counts["hours"]
    return f"{counts['utterances']} utterances, " + ("audio not read" if hours is None else f"{hours:.2f} h")


def _published_size(expected: Expected | None) -> str:
    if expected is None:
        return "no counts"
    hours = "" if expected.hours is None else f", {expected.hours:.2f} h"
    audio = "" if expected.audio_sha256 is None else f", audio of SHA-256 {expected.audio_sha256[:12]}"
    return f"{expected.utterances} utterances{hours}{audio}"


def _published_name(corpus: Corpus, counts: Mapping[str, Any], audio_sha256: str | None) -> str | None:
    """What of the published corpus a copy has; None where it differs."""
    if corpus.expected is None or counts["hours"] is None or differences(corpus, counts):
        return None
    if corpus.expected.audio_sha256 is not None:
        return AS_PUBLISHED if audio_sha256 == corpus.expected.audio_sha256 else None
    return COUNTS_PUBLISHED if corpus.expected.hours is None else COUNTS_AND_HOURS_PUBLISHED
