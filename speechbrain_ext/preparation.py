"""Stage 0: from a corpus's folder to a measured manifest and audited folds, made once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora import Corpus
from speechbrain_ext.edition import beside, count, count_subset, name_edition
from speechbrain_ext.errors import UserError
from speechbrain_ext.files import folder_lock, read_json, sha256_bytes, sha256_file, sha256_json, write_json, write_text
from speechbrain_ext.folds import check_rules, folds_path, make_folds, read_folds
from speechbrain_ext.manifest import CorpusFaults, Fault, Utterance, manifest_text, measure, read_manifest
from speechbrain_ext.task import Task

# the file that speechbrain_ext.bin.mini leaves in what it writes
MINI_MARKER = "mini.json"
MADE_BY = "python -m speechbrain_ext.bin.prepare"


@dataclass(frozen=True)
class Request:
    """What stage 0 is asked for.

    Arguments
    ---------
    corpus : Corpus
        One of the registry.
    root : Path
        The corpus's folder.
    data : Path
        Holds a folder for each corpus and source.
    source : str
        "real" or "mini".
    edition : str or None
        The user's words for a copy that is not as published.
    splits : tuple of (str, Task)
        A protocol and what is recognised, for each file of folds.
    dev, fold_seed
        As for `speechbrain_ext.folds.make_folds`.
    jobs : int
        Threads that read audio.
    check_audio : bool
        False leaves the audio unread.
    force : bool
        Redo what was made from other inputs.
    """

    corpus: Corpus
    root: Path
    data: Path
    source: str = "real"
    edition: str | None = None
    splits: tuple[tuple[str, Task], ...] = ()
    dev: str = "none"
    fold_seed: int = 0
    jobs: int = 1
    check_audio: bool = True
    force: bool = False

    @property
    def folder(self) -> Path:
        """The folder of this corpus and source."""
        return self.data / f"{self.corpus.name}-{self.source}"


@dataclass(frozen=True)
class Split:
    """A file of folds, and whether it was written now."""

    file: Path
    folds: dict[str, Any]
    written: bool


@dataclass(frozen=True)
class Prepared:
    """What stage 0 made or found whole: the facts of manifest.json, the folds, and what was done."""

    facts: dict[str, Any]
    utterances: list[Utterance]
    splits: tuple[Split, ...]
    wrote_manifest: bool
    folder: Path


def prepare(request: Request) -> Prepared:
    """Make manifest and folds, or find them whole and made from the same inputs.

    Arguments
    ---------
    request : Request
        What is asked.

    Returns
    -------
    Prepared

    Raises
    ------
    CorpusFaults
        Something is wrong in the corpus; nothing is written.
    UserError
        The folder was made from other inputs, or cannot be written.
    """
    for protocol, _ in request.splits:
        check_rules(protocol, request.dev)
    odd: list[str] = []
    utterances, faults = _scan(request, odd)
    old = None if request.force else _existing(request)
    fingerprint = _fingerprint(utterances, request.root)
    if old is not None and not faults and old["root_fingerprint"] == fingerprint:
        measured, notes = read_manifest(request.folder / "manifest.jsonl"), old["notes"]
    else:
        measured, more, notes = measure(utterances, request.root, request.jobs, request.check_audio)
        if faults or more:
            raise CorpusFaults(sorted([*faults, *more], key=lambda fault: fault.file), measured)
        notes = odd + notes
    text = manifest_text(measured)
    if old is not None and sha256_bytes(text.encode()) != old["manifest_sha256"]:
        _refuse(request, f"the files in {request.root} have changed since it was made")
    facts = _facts(request, measured, text, fingerprint, notes, old)
    splits = tuple(_split(request, measured, protocol, task, old is not None) for protocol, task in request.splits)
    _write(request, facts, old, text, splits)
    return Prepared(facts, measured, splits, facts != old, request.folder)


def _split(request: Request, measured: Sequence[Utterance], protocol: str, task: Task, is_old: bool) -> Split:
    """Make the folds of a protocol; those of an earlier run must be the same."""
    task = task.with_classes(_labels(measured))
    used = _with_repeated_texts(request.corpus, protocol, measured)
    folds = make_folds(used, protocol, request.dev, request.fold_seed, task)
    name = task.name(_usual(request.corpus, measured))
    path = folds_path(request.folder, protocol, request.dev, request.fold_seed, name)
    same = is_old and path.exists() and read_folds(path, f"{MADE_BY} --force") == folds
    if is_old and path.exists() and not same:
        raise UserError(f"{path} was made from other inputs: redo it with --force, or choose another --data")
    return Split(path, folds, not same)


def _labels(utterances: Sequence[Utterance]) -> list[str]:
    return [item.label for item in utterances if item.label is not None]


def _usual(corpus: Corpus, measured: Sequence[Utterance]) -> Task:
    return corpus.task.with_classes(_labels(measured))


def _with_repeated_texts(corpus: Corpus, protocol: str, utterances: Sequence[Utterance]) -> list[Utterance]:
    """For `speaker-text` the utterances whose texts several speakers say; else all."""
    limits = corpus.texts_repeat.items() if protocol == "speaker-text" else ()
    return [item for item in utterances if all(getattr(item, field) in values for field, values in limits)]


def _scan(request: Request, notes: list[str]) -> tuple[list[Utterance], list[Fault]]:
    if request.source == "real" and (request.root / MINI_MARKER).exists():
        raise UserError(
            f"--source real: {request.root} is a mini corpus, synthetic: say --source mini, or name the real one"
        )
    try:
        utterances, faults = request.corpus.scan(request.root, notes), []
    except CorpusFaults as found:
        utterances, faults = found.utterances, found.faults
    except OSError as fault:
        raise UserError(
            f"--corpus-root {fault.filename}: cannot be read ({fault.strerror}): check its rights"
        ) from None
    if request.corpus.labels_apart and request.check_audio:
        utterances = _with_wav(request, utterances, notes)
    return utterances, faults


def _with_wav(request: Request, utterances: list[Utterance], notes: list[str]) -> list[Utterance]:
    """Leave out labels without a wav, which releases have, and say so."""
    there = [item for item in utterances if (request.root / item.wav).is_file()]
    missing = len(utterances) - len(there)
    if missing and not there:
        raise UserError(
            f"--corpus-root {request.root}: {len(utterances)} labels and no wav file, first {utterances[0].wav}: "
            "name the folder that holds the audio too, or leave the audio unread with --no-audio-check"
        )
    if missing:
        kept = {item.id for item in there}
        first = next(item.wav for item in utterances if item.id not in kept)
        notes.append(f"{missing} labels have no wav file and are left out, first {first}")
    return there


def _fingerprint(utterances: Sequence[Utterance], root: Path) -> str:
    """Hash what labels and names say, and each audio file's size and time of change."""
    stats = []
    for wav in sorted({utterance.wav for utterance in utterances}):
        path = root / wav
        stat = path.stat() if path.exists() else None
        stats.append([wav, stat and stat.st_size, stat and stat.st_mtime_ns])
    return sha256_json([[utterance.to_dict() for utterance in utterances], stats])


def _existing(request: Request) -> dict[str, Any] | None:
    """Give the facts of a whole earlier run, None where there is none, and refuse one made from other inputs."""
    facts_file, manifest = request.folder / "manifest.json", request.folder / "manifest.jsonl"
    if not (facts_file.exists() and manifest.exists()):
        return None
    facts = read_json(facts_file, f"{MADE_BY} --force")
    if sha256_file(manifest) != facts.get("manifest_sha256"):
        _refuse(request, "manifest.jsonl was changed by hand")
    root = Path(facts["root"])
    if root != request.root and root.exists():
        _refuse(request, f"it was made from {root}, asked is {request.root}")
    if request.source != "mini" and request.edition not in (None, facts["edition"]):
        _refuse(request, f'its edition is "{facts["edition"]}", asked is "{request.edition}"')
    if facts["audio_checked"] != request.check_audio:
        _refuse(request, f"it was made with{'' if facts['audio_checked'] else 'out'} reading the audio")
    return facts


def _refuse(request: Request, why: str) -> None:
    raise UserError(
        f"{request.folder} was made from other inputs: {why}: redo it with --force, or choose another --data"
    )


def _facts(
    request: Request,
    measured: Sequence[Utterance],
    text: str,
    fingerprint: str,
    notes: list[str],
    old: dict[str, Any] | None,
) -> dict[str, Any]:
    counts = count(measured)
    subsets = request.corpus.expected.subsets if request.corpus.expected else ()
    counts["subsets"] = [count_subset(subset, measured) for subset in subsets]
    if old is not None and request.edition is None:
        edition = old["edition"]
    else:
        edition = name_edition(request.corpus, request.source, counts, request.edition)
    return {
        "corpus": request.corpus.name,
        "source": request.source,
        "edition": edition,
        "root": str(request.root),
        "root_fingerprint": fingerprint,
        "manifest_sha256": sha256_bytes(text.encode()),
        "audio_checked": request.check_audio,
        "task": _usual(request.corpus, measured).to_dict(),
        **counts,
        "found_beside_expected": beside(request.corpus, counts),
        "notes": notes,
    }


def _write(
    request: Request, facts: dict[str, Any], old: dict[str, Any] | None, text: str, splits: Sequence[Split]
) -> None:
    new = [split for split in splits if split.written]
    if facts == old and not new:
        return
    folder, facts_file = request.folder, request.folder / "manifest.json"
    try:
        with folder_lock(folder, wait=True):
            if old is None:
                _replace_manifest(folder, text)
            if facts != old:
                write_json(facts_file, facts)
            for split in new:
                write_json(split.file, split.folds)
    except OSError as fault:
        reason = os.strerror(fault.errno) if fault.errno else str(fault)
        raise UserError(f"cannot write {folder} ({reason}): make room or rights, or choose another --data") from None


def _replace_manifest(folder: Path, text: str) -> None:
    """Write the manifest; where another one was, its facts and folds go first, so that none outlives it."""
    manifest = folder / "manifest.jsonl"
    if manifest.exists() and sha256_file(manifest) == sha256_bytes(text.encode()):
        return
    (folder / "manifest.json").unlink(missing_ok=True)
    for path in (folder / "folds").glob("*.json"):
        path.unlink()
    write_text(manifest, text)
