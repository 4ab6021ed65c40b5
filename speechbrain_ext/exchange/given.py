"""A corpus from another tool's files, and what its folds share between training and test."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.stated_facts import StatedFacts, stated_path
from speechbrain_ext.corpora.table import COLUMNS, REQUIRED
from speechbrain_ext.preparation.audit import FIELDS, audit
from speechbrain_ext.preparation.folds import Fold, Folds
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_text

GENDER_WORDS = {"F": "female", "M": "male", None: ""}


@dataclass(frozen=True)
class Given:
    """A corpus and its folds, read from another tool's files.

    Arguments
    ---------
    corpus : str
        Its name.
    utterances : list of Utterance
        Sorted by id, not measured.
    folds : list of Fold
        Empty where the files have no folds.
    notes : list of str
        What was left out, and why.
    stated : StatedFacts
        What the files state of the corpus.
    """

    corpus: str
    utterances: list[Utterance]
    folds: list[Fold] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stated: StatedFacts = field(default_factory=StatedFacts)


def used_utterances(utterances: Sequence[Utterance], folds: Folds | None, needs_label: bool = True) -> list[Utterance]:
    """Give the utterances of the folds, or where there are none those with a label, sorted by id.

    Raises
    ------
    UserError
        An utterance of the folds is unknown, or has no label where one is needed.
    """
    if folds is None:
        used = [item for item in utterances if item.label is not None or (not needs_label and item.vad is not None)]
    else:
        by_id = {item.id: item for item in utterances}
        ids = {id_ for fold in folds.folds for id_ in fold.ids}
        if strange := sorted(ids - by_id.keys()):
            raise UserError(
                f"{strange[0]} is in the folds and not in the manifest: make both again with stage 0 --force"
            )
        used = [by_id[id_] for id_ in ids]
        without = sorted(item.id for item in used if item.label is None)
        if without and needs_label:
            raise UserError(
                f"{len(without)} utterances of the folds have no one label, first {without[0]}: this format needs one: "
                "export folds of clear utterances with classes"
            )
    if not used:
        raise UserError("no utterance has a label, nothing to export: export a corpus with labels")
    return sorted(used, key=lambda item: item.id)


def fold_of_each(folds: Sequence[Fold]) -> dict[str, str] | None:
    """Name the fold that tests each utterance; None unless each is tested once and trained on in all other folds.

    Example
    -------
    >>> fold_of_each([Fold("1", train=("b",), dev=(), test=("a",)), Fold("2", train=("a",), dev=(), test=("b",))])
    {'a': '1', 'b': '2'}
    """
    tested = Counter(id_ for fold in folds for id_ in fold.test)
    others_train = all(not fold.dev and set(fold.train) == tested.keys() - set(fold.test) for fold in folds)
    if not folds or not others_train or max(tested.values(), default=0) != 1:
        return None
    return {id_: fold.name for fold in folds for id_ in fold.test}


def audit_given(utterances: Sequence[Utterance], folds: Sequence[Fold]) -> list[str]:
    """Report what training and test share in folds that another tool made.

    Arguments
    ---------
    utterances : sequence of Utterance
        Those of the folds, and perhaps more.
    folds : sequence of Fold

    Returns
    -------
    list of str
        Lines that begin with "LEAK:" for utterances, audio and speakers on both sides, with "shared:" for sessions
        and texts; none where nothing is shared.

    Example
    -------
    >>> both = [Utterance(id=id_, corpus="C", wav=f"{id_}.wav", speaker="03") for id_ in "ab"]
    >>> audit_given(both, [Fold("1", train=("a",), dev=(), test=("b",))])
    ['LEAK: fold 1: 1 of 1 test speakers are also in training']
    """
    by_id = {item.id: item for item in utterances}
    # Without hashes, as the audit refuses what is reported here.
    unhashed = [replace(item, sha256=None) for item in utterances]
    lines = []
    for fold in folds:
        test = set(fold.test)
        seen = [id_ for id_ in dict.fromkeys(fold.train + fold.dev) if id_ not in test]
        repeated = len(test & {*fold.train, *fold.dev})
        lines += [_line("LEAK", fold, repeated, len(test), "tested utterances")] if repeated else []
        hashes = {by_id[id_].sha256 for id_ in seen} - {None}
        twins = sum(by_id[id_].sha256 in hashes for id_ in test)
        lines += [
            f"LEAK: fold {fold.name}: the audio of {twins} of {len(test)} tested utterances is also in training"
        ] * (twins > 0)
        found = audit("given", [Fold(fold.name, tuple(seen), (), tuple(sorted(test)))], unhashed)
        for kind, attribute in FIELDS.items():
            if shared := (found.overlap(kind) or {}).get(fold.name):
                of_test = {getattr(by_id[id_], attribute) for id_ in test} - {None}
                word = "LEAK" if kind == "speaker" else "shared"
                lines.append(_line(word, fold, len(shared), len(of_test), f"test {kind}s"))
    return lines


def _line(word: str, fold: Fold, shared: int, all_: int, what: str) -> str:
    return f"{word}: fold {fold.name}: {shared} of {all_} {what} are also in training"


def left_out_notes(counts: Mapping[str, int]) -> list[str]:
    """Note how many utterances are left out for each word that is no emotion of the vocabulary.

    Example
    -------
    >>> left_out_notes({"elated": 1})
    ["1 utterances are left out: their emotion, 'elated', is none of the vocabulary"]
    """
    return [
        f"{count} utterances are left out: their emotion, {word!r}, is none of the vocabulary"
        for word, count in sorted(counts.items())
    ]


def seconds_text(value: float | None) -> str:
    """A number of seconds in full; "" for None."""
    return "" if value is None else repr(float(value))


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, str | None]]) -> str:
    """Rows as the text of a CSV; None and missing cells are empty, cells of no column left out."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_table(path: str | Path, given: Given, audio_root: str | Path) -> list[str]:
    """Write a corpus as the CSV that `--corpus-root` takes.

    Arguments
    ---------
    path : str or Path
        The CSV; files below its folder are named from there on, others absolutely. What is stated of the corpus is
        written next to it.
    given : Given
        What to write.
    audio_root : str or Path
        The folder that the utterances' `wav` is relative to.

    Returns
    -------
    list of str
        What the CSV cannot hold, and which audio is not there.

    Raises
    ------
    UserError
        There is no utterance.
    """
    if not given.utterances:
        raise UserError(f"no utterance to write to {path}: {'; '.join(given.notes) or 'the files hold none'}")
    path, root = Path(os.path.abspath(path)), Path(os.path.abspath(audio_root))
    fold_of = fold_of_each(given.folds)
    notes = []
    if given.folds and fold_of is None:
        fold_of = {id_: fold.name for fold in given.folds for id_ in fold.test}
        notes.append(
            "a CSV names the fold that tests an utterance, all others train: these folds are not of that kind, "
            "only their test parts are kept"
        )
    rows, missing = [], []
    for item in sorted(given.utterances, key=lambda item: item.id):
        audio = _located(root, item.wav)
        if not os.path.exists(audio):
            missing.append(audio)
        rows.append(_row(item, _named(audio, path.parent)) | {"fold": (fold_of or {}).get(item.id, "")})
    if missing:
        notes.append(f"{len(missing)} of {len(rows)} files are not there, first {missing[0]}: is --audio-root right?")
    filled = [name for name in COLUMNS if name in (*REQUIRED, "id") or any(row.get(name) for row in rows)]
    if stated := given.stated.to_json():
        # First, so that it is there when the CSV is.
        write_text(stated_path(path), f"{json.dumps(stated, ensure_ascii=False)}\n")
        notes.append(f"wrote {stated_path(path).name}: {', '.join(f'{key} {value}' for key, value in stated.items())}")
    write_text(path, csv_text(filled, rows))
    return notes


def _row(item: Utterance, file: str) -> dict[str, str]:
    vad = item.vad or [None] * len(DIMENSIONS)
    return {
        "file": file,
        "speaker": item.speaker,
        "emotion": item.label or "",
        "gender": item.gender or "",
        "session": item.session or "",
        "text": item.text_id or "",
        "id": item.id,
        **{name: seconds_text(value) for name, value in zip(DIMENSIONS, vad, strict=True)},
        "start": seconds_text(item.start_s),
        "end": seconds_text(item.end_s),
    }


def _located(root: Path, wav: str) -> Path:
    """The file below the root; where it is not there, without the folders that the other tool puts before it."""
    parts = PurePosixPath(wav).parts
    tails = (root.joinpath(*parts[index:]) for index in range(len(parts)))
    return next((path for path in tails if os.path.isfile(path)), root / wav)


def _named(audio: Path, folder: Path) -> str:
    return (audio.relative_to(folder) if audio.is_relative_to(folder) else audio).as_posix()


def strange_labels(utterances: Sequence[Utterance], folds: Folds | None) -> list[str]:
    """Report labels of the folds' utterances that are no class of the folds, so that the other tool must merge them."""
    if folds is None:
        return []
    ids = {id_ for fold in folds.folds for id_ in fold.ids}
    labels = Counter(item.label for item in utterances if item.id in ids and item.label)
    return [
        f"{count} utterances are labelled {label}, which the folds count as one of {', '.join(folds.classes)}: "
        "tell the other tool to merge them"
        for label, count in sorted(labels.items())
        if label not in folds.classes
    ]
