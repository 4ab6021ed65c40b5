"""The folder `data/<CORPUS>-<source>`: what stage 0 writes there, checked by hash wherever a later stage reads it."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import Utterance, measure, read_manifest
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, check_sha256, read_sealed, write_json, write_sealed

FACTS, MANIFEST, AUDIO = "manifest.json", "manifest.jsonl", "audio.json"
CORPUS_NAME = "corpus.json"
FAULTS_NAMED = 3
PREPARE = "./run.sh --stage 0 --stop-stage 0"

States = dict[str, list[int]]  # by wav: size in bytes and time of change in ns


def read_facts(folder: str | Path, made_by: str = PREPARE) -> CorpusFacts:
    """Read manifest.json.

    Arguments
    ---------
    folder : str or Path
        `data/<CORPUS>-<source>`.
    made_by : str
        The command that makes it, for the error message.

    Raises
    ------
    DamagedFile
        The file is not what stage 0 wrote.
    UserError
        The file is missing.
    """
    path = Path(folder) / FACTS
    try:
        return CorpusFacts.from_json(read_sealed(path, made_by))
    except ValueError as fault:
        raise DamagedFile(f"{path}: {fault}: make it again with: {made_by}") from None


def read_utterances(folder: str | Path, facts: CorpusFacts, made_by: str = PREPARE) -> list[Utterance]:
    """Read manifest.jsonl, whose hash stands in manifest.json.

    Arguments
    ---------
    folder : str or Path
        `data/<CORPUS>-<source>`.
    facts : CorpusFacts
        As `read_facts` gives them.
    made_by : str
        The command that makes the folder, for the error message.

    Raises
    ------
    DamagedFile
        The manifest is missing, or not the one that stage 0 wrote.
    """
    path = Path(folder) / MANIFEST
    check_sha256(path, facts.manifest_sha256, made_by)
    return read_manifest(path)


def write_states(folder: str | Path, states: States) -> None:
    """Write sizes and times of the audio files that the manifest was measured from."""
    write_sealed(Path(folder) / AUDIO, {"files": dict(sorted(states.items()))})


def read_states(folder: str | Path) -> States:
    """Read sizes and times of the audio files; empty where they are missing or damaged: all files are hashed then."""
    try:
        return read_sealed(Path(folder) / AUDIO, PREPARE)["files"]
    except UserError:
        return {}


def audio_states(root: str | Path, wavs: Collection[str]) -> States:
    """Look at the size and time of change of audio files.

    Arguments
    ---------
    root : str or Path
        The corpus's folder.
    wavs : collection of str
        The files, relative to the root or absolute.

    Returns
    -------
    dict
        By file [bytes, ns]; a missing one is left out, and what is not a regular file has [-1, 0].
    """
    states = {}
    for wav in sorted(set(wavs)):
        try:
            found = os.stat(Path(root) / wav)
        except (OSError, ValueError):
            continue
        states[wav] = [found.st_size, found.st_mtime_ns] if stat.S_ISREG(found.st_mode) else [-1, 0]
    return states


def check_audio_unchanged(folder: str | Path, utterances: Sequence[Utterance]) -> None:
    """Refuse audio that is not what stage 0 measured.

    Files of the recorded size and time of change are taken as unchanged, and others are hashed. Missing files are no
    fault: their features may be cached.

    Arguments
    ---------
    folder : str or Path
        `data/<CORPUS>-<source>`.
    utterances : sequence of Utterance
        Of the manifest.

    Raises
    ------
    UserError
        Some files have changed; the first ones are named.
    """
    root, known = Path(read_facts(folder).root), read_states(folder)
    known_audio = [item for item in utterances if item.sha256 is not None]
    states = audio_states(root, [item.wav for item in known_audio])
    differing = [item for item in known_audio if item.wav in states and states[item.wav] != known.get(item.wav)]
    measured, _, _ = measure([unmeasured(item) for item in differing], root, os.cpu_count() or 1)
    changed = list(
        dict.fromkeys(old.wav for old, new in zip(differing, measured, strict=True) if old.sha256 != new.sha256)
    )
    if changed:
        raise UserError(
            f"{len(changed)} audio files in {root} have changed since stage 0 measured them: {first_of(changed)}: "
            f"restore them, or start anew from them with: {PREPARE} --force"
        )


def first_of(names: Sequence[str]) -> str:
    """Name the first few of many.

    Example
    -------
    >>> first_of(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = f" and {len(names) - FAULTS_NAMED} more" if len(names) > FAULTS_NAMED else ""
    return ", ".join(names[:FAULTS_NAMED]) + more


def unmeasured(item: Utterance) -> Utterance:
    """Give the record as `scan` gave it, without what was measured."""
    extra = {key: value for key, value in item.extra.items() if key != "channels"}
    return replace(item, sample_rate_hz=None, num_samples=None, sha256=None, extra=extra)


def write_corpus_name(folder: str | Path, facts: CorpusFacts) -> None:
    """Keep the true name of a corpus in the folder of its experiments, whose own name is encoded."""
    path = Path(folder) / CORPUS_NAME
    if not path.exists():
        write_json(path, {"corpus": facts.corpus, "source": facts.source})
