"""Stage 0: from a corpus's folder to a measured manifest and audited folds, made once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from speechbrain_ext.corpora import CORPORA, Corpus
from speechbrain_ext.corpora.data_folder import AUDIO, FACTS, MANIFEST, States, audio_states, unmeasured, write_states
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance, manifest_text, measure
from speechbrain_ext.corpora.stated_facts import StatedFacts
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.audit import confounded
from speechbrain_ext.preparation.earlier import AGAIN, Earlier, all_gone, compare, made_again, read_earlier
from speechbrain_ext.preparation.edition import compare_counts, count, hash_audio, name_edition
from speechbrain_ext.preparation.folds import Folds, folds_path, read_folds
from speechbrain_ext.preparation.protocols import check_rules, make_folds
from speechbrain_ext.preparation.request import Prepared, PrepareRequest, Split
from speechbrain_ext.preparation.scan import Scan, audio_faults, duplicate_faults, duplicate_notes, scan_corpus
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import (
    DamagedFile,
    folder_lock,
    sha256_bytes,
    sha256_file,
    sha256_json,
    write_sealed,
    write_text,
)


@dataclass(frozen=True)
class Measured:
    """A measured corpus: its utterances, the sizes and times of its audio files, and notes."""

    utterances: list[Utterance]
    states: States
    notes: Sequence[str]


def prepare(request: PrepareRequest) -> Prepared:
    """Make manifest and folds, or find them complete and made from the same inputs.

    Raises
    ------
    CorpusFaults
        Something is wrong in the corpus; nothing is written.
    UserError
        The folder was made from other inputs, or cannot be written.
    """
    for protocol, _ in request.splits:
        check_rules(protocol, request.dev)
    remarks: list[str] = []
    earlier = None if request.force else read_earlier(request, remarks)
    found = _measure(request, earlier, remarks)
    text = manifest_text(found.utterances)
    if earlier is not None and sha256_bytes(text.encode()) != earlier.facts.manifest_sha256:
        request.refuse(f"the files in {request.root} have changed since it was made")
    old = None if earlier is None else earlier.facts
    facts = _facts(request, found, text, old)
    splits = tuple(_split(request, found.utterances, *split, old is not None, remarks) for split in request.splits)
    wrote = _write(request, facts, earlier, text, found.states, splits)
    return Prepared(facts, found.utterances, splits, wrote, tuple(remarks), request.folder)


def _measure(request: PrepareRequest, earlier: Earlier | None, remarks: list[str]) -> Measured:
    """Read the corpus; after an earlier run, only the audio that may have changed."""
    notes: list[str] = []
    known = {item.id for item in earlier.utterances} if earlier and not request.verify else set()
    try:
        scan = scan_corpus(request, notes, known)
    except UserError:
        if earlier is None or not all_gone(request, earlier):
            raise
        remarks.append(_gone_text(request, [item.wav for item in earlier.utterances]))
        return Measured(earlier.utterances, earlier.states, earlier.facts.notes)
    if earlier is not None and earlier.utterances:
        return _measure_changes(request, earlier, scan, notes, remarks)
    wavs = [item.wav for item in scan.utterances]
    # Taken before the files are read, so that the next run finds a change in between.
    states = audio_states(request.root, wavs) if request.check_audio else {}
    measured, faults, more = measure(scan.utterances, request.root, request.jobs, request.check_audio)
    _refuse_faults(request, scan, [*faults, *duplicate_faults(measured)], measured, notes)
    return Measured(measured, states, [*notes, *more, *duplicate_notes(measured)])


def _measure_changes(
    request: PrepareRequest, earlier: Earlier, scan: Scan, notes: list[str], remarks: list[str]
) -> Measured:
    now = compare(request, earlier, scan.utterances)
    _refuse_faults(request, scan, [*now.faults, *duplicate_faults([*earlier.utterances, *now.new])], now.new, notes)
    if now.changes:
        request.refuse(f"the files in {request.root} have changed since it was made ({'; '.join(now.changes)})")
    if now.gone:
        remarks.append(_gone_text(request, now.gone))
    return Measured(earlier.utterances, now.states, earlier.facts.notes)


def _gone_text(request: PrepareRequest, gone: Sequence[str]) -> str:
    return (
        f"{len(gone)} audio files are not in {request.root} any more, first {gone[0]}: the manifest is kept, and "
        "stages 1 to 3 run where their features are cached; --force makes the manifest of what is there, --verify "
        "refuses missing files"
    )


def _refuse_faults(
    request: PrepareRequest, scan: Scan, found: Iterable[Fault], measured: list[Utterance], notes: list[str]
) -> None:
    """Raise all faults of labels and audio together."""
    faults = [*scan.faults, *found]
    if faults or scan.more_wavs:
        faults += audio_faults(request, scan)
    if faults:
        raise CorpusFaults(sorted(faults, key=lambda fault: fault.file), measured, notes=tuple(notes))


def _split(
    request: PrepareRequest, measured: Sequence[Utterance], protocol: str, task: Task, is_old: bool, remarks: list[str]
) -> Split:
    """Make the folds of a protocol, and refuse other folds of an earlier run."""
    task = task.with_classes(_labels(measured))
    used = _with_repeated_texts(request.corpus, protocol, measured)
    _check_classes(request, used, task)
    folds = make_folds(used, protocol, request.dev, request.fold_seed, task)
    _check_training(used, folds, task)
    name = task.name(_usual(request.corpus, measured))
    path = folds_path(request.folder, protocol, request.dev, request.fold_seed, name)
    warnings = tuple(confounded(task.label_of, used))
    if not is_old or not path.exists():
        return Split(path, folds, written=True, warnings=warnings)
    try:
        same = read_folds(path, AGAIN) == folds
    except DamagedFile as fault:
        remarks.append(made_again(fault))
        return Split(path, folds, written=True, warnings=warnings)
    if not same:
        raise UserError(f"{path} was made from other inputs: redo it with --force, or choose another --data")
    return Split(path, folds, written=False, warnings=warnings)


def _check_classes(request: PrepareRequest, used: Sequence[Utterance], task: Task) -> None:
    """Refuse a corpus with one class."""
    if task.dimensions:
        return
    found = sorted({label for item in used if (label := task.label_of(item)) is not None})
    if len(found) == 1:
        raise UserError(
            f"{request.root}: all utterances that are used are labelled {found[0]}, expected at least two emotions: "
            "add utterances of another one, or choose other classes (-- --classes '[a, b]')"
        )


def _check_training(used: Sequence[Utterance], folds: Folds, task: Task) -> None:
    """Refuse a fold that trains on one class alone."""
    if task.dimensions:
        return
    label_of = {item.id: task.label_of(item) for item in used}
    for fold in folds.folds:
        labels = {label_of[id_] for id_ in fold.train} - {None}
        if len(labels) == 1:
            raise UserError(
                f"--protocol {folds.protocol}: fold {fold.name} trains on {labels.pop()} alone, expected at "
                "least two emotions: choose another --protocol or --dev, or add utterances"
            )


def _labels(utterances: Sequence[Utterance]) -> list[str]:
    return [item.label for item in utterances if item.label is not None]


def _usual(corpus: Corpus, measured: Sequence[Utterance]) -> Task:
    return corpus.task.with_classes(_labels(measured))


def _with_repeated_texts(corpus: Corpus, protocol: str, utterances: Sequence[Utterance]) -> list[Utterance]:
    """Give the utterances whose texts several speakers say for `speaker-text`, and all for other protocols."""
    limits = corpus.texts_repeat.items() if protocol == "speaker-text" else ()
    return [item for item in utterances if all(getattr(item, field) in values for field, values in limits)]


def _facts(request: PrepareRequest, found: Measured, text: str, old: CorpusFacts | None) -> CorpusFacts:
    subsets = request.corpus.expected.subsets if request.corpus.expected else ()
    counts, audio_sha256 = count(found.utterances, subsets), hash_audio(found.utterances)
    if old is not None and request.edition is None:
        edition = old.edition
    else:
        edition = name_edition(request.corpus, request.source, counts, request.edition, audio_sha256)
    return CorpusFacts(
        corpus=request.corpus.name,
        source=request.source,
        edition=edition,
        root=str(request.root),
        root_fingerprint=sha256_json([unmeasured(item).to_dict() for item in found.utterances]),
        audio_sha256=audio_sha256,
        manifest_sha256=sha256_bytes(text.encode()),
        audio_checked=request.check_audio,
        task=_usual(request.corpus, found.utterances),
        counts=counts,
        label_map=request.label_map,
        # Of a corpus of the registry they are known without its folder.
        stated=StatedFacts() if request.corpus in CORPORA.values() else request.corpus.stated,
        found_beside_expected=asdict(compare_counts(request.corpus, counts)),
        notes=tuple(found.notes),
    )


def _write(
    request: PrepareRequest,
    facts: CorpusFacts,
    earlier: Earlier | None,
    text: str,
    states: States,
    splits: Sequence[Split],
) -> tuple[str, ...]:
    """Write new files, and give their names."""
    folder = request.folder
    new = [split for split in splits if split.written]
    wanted = {
        MANIFEST: earlier is None or not earlier.utterances,
        AUDIO: request.check_audio and (earlier is None or states != earlier.states),
        FACTS: earlier is None or facts != earlier.facts,
    }
    wrote = [name for name, is_new in wanted.items() if is_new]
    if not wrote and not new:
        return ()
    try:
        with folder_lock(folder, wait=True):
            if wanted[MANIFEST]:
                _replace_manifest(request, text, earlier)
            if wanted[AUDIO]:
                write_states(folder, states)
            if wanted[FACTS]:
                write_sealed(folder / FACTS, facts.to_json())
            for split in new:
                write_sealed(split.file, split.folds.to_json())
    except OSError as fault:
        reason = os.strerror(fault.errno) if fault.errno else str(fault)
        raise UserError(f"cannot write {folder} ({reason}): make room or rights, or choose another --data") from None
    return (*wrote, *(f"folds/{split.file.name}" for split in new))


def _replace_manifest(request: PrepareRequest, text: str, earlier: Earlier | None) -> None:
    """Write the manifest; facts and folds of another manifest are removed first, as they are not valid any more."""
    folder, manifest = request.folder, request.folder / MANIFEST
    if manifest.exists() and sha256_file(manifest) == sha256_bytes(text.encode()):
        return
    if earlier is None:
        for path in (folder / FACTS, folder / AUDIO, *(folder / "folds").glob("*.json")):
            path.unlink(missing_ok=True)
    write_text(manifest, text)
