"""Counts of a copy of a corpus, compared with the published ones, and the name of its edition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from speechbrain_ext.corpora import CORPORA, Corpus, Expected, Subset
from speechbrain_ext.corpora.facts import NO_VALUE, CorpusCounts, SubsetCounts
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_json

AS_PUBLISHED = "as published"
COUNTS_AND_HOURS_PUBLISHED = "counts and hours as published"
COUNTS_PUBLISHED = "counts as published"
PUBLISHED = (AS_PUBLISHED, COUNTS_AND_HOURS_PUBLISHED, COUNTS_PUBLISHED)


@dataclass(frozen=True)
class Pair:
    """A count that was found, and the published one; None where nothing is published or known."""

    found: float | None
    expected: float | None

    @property
    def differs(self) -> bool:
        return self.expected is not None and self.found != self.expected


@dataclass(frozen=True)
class SubsetComparison:
    """Found and published counts of a subset that papers use."""

    utterances: Pair
    labels: Mapping[str, Pair]
    speakers: Mapping[str, Pair]
    sessions: Mapping[str, Pair]


@dataclass(frozen=True)
class Comparison:
    """Found and published counts of a corpus; subsets by name."""

    utterances: Pair
    hours: Pair
    labels: Mapping[str, Pair]
    speakers: Mapping[str, Pair]
    parts: Mapping[str, Pair]
    subsets: Mapping[str, SubsetComparison]


def count(utterances: Sequence[Utterance], subsets: Sequence[Subset] = ()) -> CorpusCounts:
    """Count hours, and utterances by label, speaker, session, scenario and part.

    Arguments
    ---------
    utterances : sequence of Utterance
        Measured, or not.
    subsets : sequence of Subset
        The subsets that papers use.

    Returns
    -------
    CorpusCounts
    """
    durations_s = [utterance.duration_s for utterance in utterances]
    known_s = [duration_s for duration_s in durations_s if duration_s is not None]
    return CorpusCounts(
        utterances=len(utterances),
        hours=round(sum(known_s) / 3600, 6) if len(known_s) == len(durations_s) else None,
        labels=_count_values(item.label for item in utterances),
        speakers=_count_values(item.speaker for item in utterances),
        sessions=_count_values(item.session for item in utterances),
        scenarios=_count_values(item.scenario for item in utterances),
        parts=_count_values(item.part for item in utterances),
        subsets=tuple(_count_subset(subset, utterances) for subset in subsets),
    )


def _count_values(values: Iterable[str | None]) -> dict[str, int]:
    counts = Counter(NO_VALUE if value is None else value for value in values)
    missing = counts.pop(NO_VALUE, 0)
    return dict(sorted(counts.items())) | ({NO_VALUE: missing} if missing else {})


def _count_subset(subset: Subset, utterances: Sequence[Utterance]) -> SubsetCounts:
    used = [item for item in utterances if subset.task.label_of(item) is not None]
    return SubsetCounts(
        name=subset.name,
        utterances=len(used),
        labels=_count_values(subset.task.label_of(item) for item in used),
        speakers=_count_values(item.speaker for item in used),
        sessions=_count_values(item.session for item in used if item.session),
    )


def compare_counts(corpus: Corpus, counts: CorpusCounts) -> Comparison:
    """Pair the counts of a copy with those of the published corpus."""
    expected = corpus.expected or Expected(utterances=None)
    return Comparison(
        utterances=Pair(counts.utterances, expected.utterances),
        hours=Pair(counts.hours, expected.hours),
        labels=_pairs(counts.labels, expected.labels),
        speakers=_pairs(counts.speakers, expected.speakers),
        parts=_pairs(counts.parts, expected.parts),
        subsets={
            subset.name: SubsetComparison(
                utterances=Pair(found.utterances, subset.utterances),
                labels=_pairs(found.labels, subset.labels),
                speakers=_pairs(found.speakers, subset.speakers),
                sessions=_pairs(found.sessions, subset.sessions),
            )
            for subset, found in zip(expected.subsets, counts.subsets, strict=True)
        },
    )


def _pairs(found: Mapping[str, int], published: Mapping[str, int]) -> dict[str, Pair]:
    missing = 0 if published else None
    return {
        name: Pair(found.get(name, 0), published.get(name, missing)) for name in sorted(found.keys() | published.keys())
    }


def differences(corpus: Corpus, counts: CorpusCounts) -> list[str]:
    """List where the counts found are not the published ones, each as "what found (published n)"."""
    if corpus.expected is None:
        return []
    both = compare_counts(corpus, counts)
    pairs = {"utterances": both.utterances}
    pairs |= _named("", label=both.labels, speaker=both.speakers, part=both.parts)
    for name, subset in both.subsets.items():
        pairs[name] = subset.utterances
        pairs |= _named(f"{name}: ", label=subset.labels, speaker=subset.speakers, session=subset.sessions)
    found = [f"{what} {pair.found} (published {pair.expected})" for what, pair in pairs.items() if pair.differs]
    hours, published = counts.hours, corpus.expected.hours
    # The published length has two digits.
    if hours is not None and published is not None and abs(hours - published) > 0.005:
        found.append(f"hours {hours:.2f} (published {published:.2f})")
    return found


def _named(before: str, **kinds: Mapping[str, Pair]) -> dict[str, Pair]:
    return {f"{before}{kind} {name}": pair for kind, pairs in kinds.items() for name, pair in pairs.items()}


def hash_audio(utterances: Sequence[Utterance]) -> str | None:
    """Hash the audio hashes of all utterances, sorted; None where one is not known."""
    hashes = [item.sha256 for item in utterances if item.sha256 is not None]
    return sha256_json(sorted(hashes)) if len(hashes) == len(utterances) else None


def is_published(edition: str) -> bool:
    """Whether an edition's name says that the copy is the published corpus, as far as it is known."""
    return edition in PUBLISHED


def is_other_edition(corpus: str, edition: str) -> bool:
    """Whether a copy of a published corpus is not as published; False for a corpus without published counts.

    Example
    -------
    >>> is_other_edition("EmoDB", "2 s copy"), is_other_edition("mine", "160 utterances, 0.10 h")
    (True, False)
    """
    return corpus in {known.name for known in CORPORA.values()} and not is_published(edition)


def name_edition(
    corpus: Corpus, source: str, counts: CorpusCounts, asked: str | None, audio_sha256: str | None = None
) -> str:
    """Name the edition of a copy by the hash of its audio where the published one is known, else by counts and hours.

    Arguments
    ---------
    corpus : Corpus
        With its published counts.
    source : str
        "real" or "mini".
    counts : CorpusCounts
        As `count` gives them.
    asked : str or None
        The user's words for this copy.
    audio_sha256 : str or None
        As `hash_audio` gives it.

    Returns
    -------
    str
        "as published" where the hash is the published one; "counts and hours as published" (or "counts as published"
        where no hours are published) where no hash is known; the name of a known copy in another form; "not as
        published" with the size otherwise. The size alone for a corpus without published counts.

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
        return _known_copy(corpus, audio_sha256) or named or f"not {AS_PUBLISHED}: {found}"
    if asked.lower() in PUBLISHED:
        if named is None:
            published = _published_size(corpus.expected)
            raise UserError(
                f"--edition {asked}: found {found}, published are {published}: leave it out or name the copy"
            )
        return named
    return asked


def _size(counts: CorpusCounts) -> str:
    hours = counts.hours
    return f"{counts.utterances} utterances, " + ("audio not read" if hours is None else f"{hours:.2f} h")


def _published_size(expected: Expected | None) -> str:
    if expected is None:
        return "no counts"
    hours = "" if expected.hours is None else f", {expected.hours:.2f} h"
    audio = "" if expected.audio_sha256 is None else f", audio of SHA-256 {expected.audio_sha256[:12]}"
    return f"{expected.utterances} utterances{hours}{audio}"


def _known_copy(corpus: Corpus, audio_sha256: str | None) -> str | None:
    copies = corpus.expected.known_copies if corpus.expected else {}
    return next((name for name, known in copies.items() if known == audio_sha256), None)


def _published_name(corpus: Corpus, counts: CorpusCounts, audio_sha256: str | None) -> str | None:
    """What of the published corpus a copy has; None where it differs."""
    if corpus.expected is None or counts.hours is None or differences(corpus, counts):
        return None
    if corpus.expected.audio_sha256 is not None:
        return AS_PUBLISHED if audio_sha256 == corpus.expected.audio_sha256 else None
    return COUNTS_PUBLISHED if corpus.expected.hours is None else COUNTS_AND_HOURS_PUBLISHED
