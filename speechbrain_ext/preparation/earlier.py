"""Results of an earlier run of stage 0, and how the corpus differs from them now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.corpora.data_folder import (
    FACTS,
    MANIFEST,
    States,
    audio_states,
    first_of,
    read_facts,
    read_states,
    read_utterances,
    unmeasured,
)
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import Fault, Utterance, measure
from speechbrain_ext.preparation.request import PrepareRequest
from speechbrain_ext.utils.files import DamagedFile

AGAIN = "this command"


@dataclass(frozen=True)
class Earlier:
    """Undamaged results of an earlier run.

    Arguments
    ---------
    facts : CorpusFacts
        The content of manifest.json.
    utterances : list of Utterance
        The manifest; empty where it is damaged, so that it has to be made again.
    states : dict
        Sizes and times of the audio files at that time.
    """

    facts: CorpusFacts
    utterances: list[Utterance]
    states: States


@dataclass(frozen=True)
class Comparison:
    """Differences between the corpus now and what an earlier run measured.

    Arguments
    ---------
    faults : list of Fault
        Faults of audio that is new or has changed.
    changes : list of str
        One sentence for each kind of change; empty where the manifest is still valid.
    new : list of Utterance
        New utterances, measured.
    gone : list of str
        Audio files that are missing now.
    states : dict
        Sizes and times of the audio files now; of missing files the earlier ones.
    """

    faults: list[Fault]
    changes: list[str]
    new: list[Utterance]
    gone: list[str]
    states: States


def read_earlier(request: PrepareRequest, remarks: list[str]) -> Earlier | None:
    """Read the results of an earlier run; None where there are none or they are damaged.

    Arguments
    ---------
    request : PrepareRequest
    remarks : list of str
        Damaged files are added, which are made again.

    Raises
    ------
    UserError
        The earlier run was made from other inputs.
    """
    if not (os.path.exists(request.folder / FACTS) and os.path.exists(request.folder / MANIFEST)):
        return None
    try:
        facts = read_facts(request.folder, AGAIN)
    except DamagedFile as fault:
        remarks.append(made_again(fault))
        return None
    _refuse_other_inputs(request, facts)
    try:
        utterances = read_utterances(request.folder, facts, AGAIN)
    except DamagedFile as fault:
        remarks.append(made_again(fault))
        utterances = []
    return Earlier(facts, utterances, read_states(request.folder))


def made_again(fault: DamagedFile) -> str:
    """The remark for a damaged file that this run makes again."""
    return f"{str(fault).rpartition(': make it again')[0]}: made again"


def _refuse_other_inputs(request: PrepareRequest, facts: CorpusFacts) -> None:
    root = Path(facts.root)
    if facts.corpus != request.corpus.name:
        request.refuse(f"it holds {facts.corpus}, asked is {request.corpus.name}")
    if root != request.root and root.exists():
        request.refuse(f"it was made from {root}, asked is {request.root}")
    if request.source != "mini" and request.edition not in (None, facts.edition):
        request.refuse(f'its edition is "{facts.edition}", asked is "{request.edition}"')
    if facts.audio_checked != request.check_audio:
        request.refuse(f"it was made with{'' if facts.audio_checked else 'out'} reading the audio")


def all_gone(request: PrepareRequest, earlier: Earlier) -> bool:
    """Whether all audio of an earlier run is missing now, in the same folder."""
    if not earlier.utterances or request.verify or earlier.facts.root != str(request.root):
        return False
    return not any(os.path.exists(request.root / item.wav) for item in earlier.utterances)


def compare(request: PrepareRequest, earlier: Earlier, scanned: Sequence[Utterance]) -> Comparison:
    """Compare a corpus with an earlier run; reads audio files of another size or time, with `verify` all of them.

    Arguments
    ---------
    request : PrepareRequest
    earlier : Earlier
        With utterances.
    scanned : sequence of Utterance
        The corpus's utterances now, not measured.
    """
    before = {item.id: item for item in earlier.utterances}
    now = {item.id: item for item in scanned}
    wavs = [item.wav for item in (*before.values(), *now.values())]
    states = audio_states(request.root, wavs) if request.check_audio else {}
    common = [item for id_, item in now.items() if id_ in before]
    added = [item for id_, item in now.items() if id_ not in before]
    relabelled = [item.id for item in common if item != unmeasured(before[item.id])]
    removed = [item for id_, item in before.items() if id_ not in now]
    # A missing label or line of a CSV changes the corpus; missing audio does not.
    unlabelled = [item.id for item in removed if item.wav in states or not request.check_audio]
    gone = [item.wav for item in before.values() if request.check_audio and item.wav not in states]
    checked = [item for item in common if _is_read(request, item, states, earlier.states)]
    if request.verify:
        checked += [unmeasured(item) for item in removed if item.wav not in states]
    measured, faults, _ = measure([*checked, *added], request.root, request.jobs, request.check_audio)
    # Those without a hash are among the faults.
    changed = [item.wav for item in measured[: len(checked)] if item.sha256 not in (None, before[item.id].sha256)]
    kinds = {
        "audio files have other samples": changed,
        "utterances are new": [item.id for item in added],
        "utterances have other labels": relabelled,
        "utterances are no longer listed": unlabelled,
    }
    changes = [f"{len(names)} {what}: {first_of(names)}" for what, names in kinds.items() if names]
    kept = {wav: state for wav, state in earlier.states.items() if wav in gone}
    return Comparison(
        faults, changes, measured[len(checked) :], list(dict.fromkeys(gone)), dict(sorted({**states, **kept}.items()))
    )


def _is_read(request: PrepareRequest, item: Utterance, states: States, known: States) -> bool:
    """Whether the audio of an utterance has to be hashed."""
    if not request.check_audio:
        return False
    if item.wav not in states:
        return request.verify
    return request.verify or states[item.wav] != known.get(item.wav)
