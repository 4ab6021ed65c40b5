"""Scan of a corpus's folder: its labels, their faults, and labels without audio."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from speechbrain_ext.corpora.data_folder import audio_states
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance, measure
from speechbrain_ext.preparation.request import MINI_MARKER, PrepareRequest
from speechbrain_ext.utils.errors import UserError


@dataclass(frozen=True)
class Scan:
    """Utterances and faults that the labels of a corpus give.

    Arguments
    ---------
    utterances : list of Utterance
        Not measured.
    faults : list of Fault
        Faults of the labels.
    more_wavs : tuple of str
        Audio of utterances with faulty labels, which is checked as well.
    """

    utterances: list[Utterance]
    faults: list[Fault]
    more_wavs: tuple[str, ...] = ()


def scan_corpus(request: PrepareRequest, notes: list[str], known: Collection[str] = ()) -> Scan:
    """Read the labels of the corpus.

    Arguments
    ---------
    request : PrepareRequest
    notes : list of str
        Oddities that are no faults are added.
    known : collection of str
        Ids of utterances that were measured earlier, so that their wav files may be missing now.

    Raises
    ------
    UserError
        The folder does not hold the corpus, or cannot be read.
    """
    if request.source == "real" and os.path.exists(request.root / MINI_MARKER):
        raise UserError(
            f"--source real: {request.root} is a mini corpus, synthetic: say --source mini, or name the real one"
        )
    try:
        scan = Scan(request.corpus.scan(request.root, notes), [])
    except CorpusFaults as found:
        scan = Scan(found.utterances, list(found.faults), found.more_wavs)
    except OSError as fault:
        raise UserError(
            f"--corpus-root {fault.filename}: cannot be read ({fault.strerror}): check its rights"
        ) from None
    if request.corpus.labels_apart and request.check_audio:
        scan = _exclude_missing_wavs(request, scan, notes, known)
    return scan


def _exclude_missing_wavs(request: PrepareRequest, scan: Scan, notes: list[str], known: Collection[str]) -> Scan:
    """Leave out labels without a wav, which releases have, and note it."""
    states = audio_states(request.root, [item.wav for item in scan.utterances])
    kept = [item for item in scan.utterances if item.wav in states or item.id in known]
    missing = [item.wav for item in scan.utterances if item.wav not in states and item.id not in known]
    if missing and not kept:
        found = f"{len(missing)} labels and no wav file, first {missing[0]}"
        if not scan.faults:
            raise UserError(
                f"--corpus-root {request.root}: {found}: "
                "name the folder that holds the audio too, or leave the audio unread with --no-audio-check"
            )
        return Scan([], [*scan.faults, Fault("wav files", found, "the audio that the labels are of")], scan.more_wavs)
    if missing:
        notes.append(f"{len(missing)} labels have no wav file and are left out, first {missing[0]}")
    return Scan(kept, scan.faults, scan.more_wavs)


def audio_faults(request: PrepareRequest, scan: Scan) -> list[Fault]:
    """Find the faults of the audio of utterances with faulty labels."""
    if not request.check_audio:
        return []
    known = {item.wav for item in scan.utterances}
    wavs = [wav for wav in dict.fromkeys(scan.more_wavs) if wav not in known]
    unlabelled = [Utterance(id=wav, corpus=request.corpus.name, wav=wav, speaker="unknown") for wav in wavs]
    return measure(unlabelled, request.root, request.jobs)[1]


def duplicate_faults(measured: Sequence[Utterance]) -> list[Fault]:
    """Find audio with two speakers or two labels, one of which must be wrong."""
    return [
        Fault(_where(item), f"the same audio as {_where(other)}, of another speaker or label", "each recording once")
        for item, other in _repeated(measured)
        if (item.speaker, item.label) != (other.speaker, other.label)
    ]


def duplicate_notes(measured: Sequence[Utterance]) -> list[str]:
    """Note repeated recordings of one speaker and label, which published corpora have."""
    pairs = [
        pair for pair in _repeated(measured) if (pair[0].speaker, pair[0].label) == (pair[1].speaker, pair[1].label)
    ]
    if not pairs:
        return []
    return [
        f"{len(pairs)} utterances have the same audio as another one of their speaker and label, first "
        f"{_where(pairs[0][1])} and {_where(pairs[0][0])}: no fold has them on both sides"
    ]


def _repeated(measured: Sequence[Utterance]) -> list[tuple[Utterance, Utterance]]:
    """Pairs of an utterance and the first one with the same audio."""
    first: dict[str | None, Utterance] = {}
    hashed = [item for item in measured if item.sha256 is not None]
    return [(item, other) for item in hashed if (other := first.setdefault(item.sha256, item)) is not item]


def _where(item: Utterance) -> str:
    return item.wav if item.start_s is None else f"{item.wav} ({item.id})"
