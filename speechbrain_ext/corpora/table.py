"""A user's own corpus, listed in one CSV: `file,speaker,emotion` and what else is known of each utterance.

Files are named from the CSV's folder on, or absolutely. The corpus has the CSV's name.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from speechbrain_ext.corpora.corpus import Corpus
from speechbrain_ext.corpora.emotion_words import LabelMap, emotion_of, words_expected
from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.corpora.stated_facts import read_stated_facts
from speechbrain_ext.corpora.table_file import Row, read_number, read_seconds, read_table_file
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_bytes
from speechbrain_ext.utils.nearest import nearest

REQUIRED = ("file", "speaker", "emotion")
COLUMNS = (*REQUIRED, "gender", "session", "text", "fold", "partition", "id", *DIMENSIONS, "start", "end")
ALIASES = {"arousal": "activation"}
PARTITIONS = {"training": "train", "development": "dev", "val": "dev", "valid": "dev", "validation": "dev"}
TEST = re.compile(r"test[0-9]{0,3}")
LONGEST_S = 1e7
UNUSED_NAMED = 20
GENDER_OF = {"f": "F", "female": "F", "m": "M", "male": "M"}
LAYOUT = "a CSV with the columns file,speaker,emotion and if known gender,session,text,fold,partition"


def scan_table(
    csv_path: str | Path, name: str, notes: list[str] | None = None, label_map: LabelMap | None = None
) -> list[Utterance]:
    """Read a corpus from its CSV; no audio is looked at.

    Arguments
    ---------
    csv_path : str or Path
        With the columns file, speaker, emotion, and any of gender, session, text, fold, partition, id, valence,
        activation, dominance, start, end (seconds). A wav is relative to the CSV's folder, or absolute. An emotion
        may be missing where a line has valence, activation and dominance.
    name : str
        The corpus's name.
    notes : list of str or None
        Filled with columns that mean nothing here.
    label_map : mapping or None
        What words outside the vocabulary mean, as `read_label_map` gives it.

    Returns
    -------
    list of Utterance
        Sorted by id; not measured. `id` is the column of that name, or the file without its suffix, "/" as "_", and
        the start in milliseconds where there is one. `fold` and `partition` are kept in `extra`.

    Raises
    ------
    UserError
        The file is missing, is not a CSV or lacks a column.
    CorpusFaults
        Some lines are wrong; all of them are listed at once, by line.
    """
    path = Path(csv_path)
    table = read_table_file(path, COLUMNS, REQUIRED, ALIASES)
    if notes is not None:
        notes.extend(_unused(path, table.columns))
    faults = list(table.faults)
    folder = Path(os.path.realpath(path)).parent
    seen, utterances, more_wavs = _Seen(), [], []
    for row in table.rows:
        wrong: list[Fault] = []
        found = _utterance(row, name, folder, table.decimal_comma, wrong, label_map or {})
        if found is not None:
            fault = seen.fault_of(row, found)
            wrong += [fault] if fault else []
            utterances += [] if fault else [found]
        if wrong and row.cells["file"] and (wav := _wav(row, folder, [])):
            more_wavs.append(wav)
        faults += wrong
    utterances.sort(key=lambda item: item.id)
    words = {row.cells["emotion"].casefold() for row in table.rows}
    if notes is not None and (unused := [word for word in label_map or {} if word not in words]):
        notes.append(f"{len(unused)} words of the label map are not in {path.name}: {', '.join(unused)[:200]}")
    dev = sum(item.extra.get("partition") == "dev" for item in utterances)
    if dev and notes is not None:
        notes.append(
            f"partition dev: {dev} utterances; --dev given selects epochs on them, otherwise they are trained on"
        )
    if faults:
        raise CorpusFaults(faults, utterances, tuple(more_wavs))
    if not utterances:
        raise UserError(f"{path}: no line under the first, expected one for each utterance: write them")
    return utterances


def corpus_of(csv_path: str | Path, label_map: LabelMap | None = None) -> Corpus:
    """Give the corpus that a CSV lists: named as the file, with the labels found as classes.

    Arguments
    ---------
    csv_path, label_map
        As for `scan_table`.

    Returns
    -------
    Corpus
        Its protocols are those that the columns allow, the folds that the CSV names first; language and the like are
        those that the file of stated facts next to the CSV names. `scan` reads the CSV
        whatever root it is given; the root is the CSV's folder.

    Raises
    ------
    UserError
        The file is missing, is not a CSV, lacks a column, or has no name, or the file of stated facts is wrong. Faults
        of lines are left for `scan`.
    """
    path = Path(csv_path)
    if not path.stem.isprintable() or not any(letter.isalnum() for letter in path.stem):
        raise UserError(
            f"{ascii(str(path)) if not path.stem.isprintable() else path}: the corpus is named as its file, expected "
            "letters or digits of UTF-8: rename the file"
        )
    key = "".join(letter for letter in path.stem.lower() if letter.isascii() and letter.isalnum())
    key = key or f"corpus{sha256_bytes(path.stem.encode())[:10]}"
    try:
        utterances = scan_table(path, path.stem, label_map=label_map)
    except CorpusFaults as found:
        utterances = found.utterances
    return Corpus(
        name=path.stem,
        key=key,
        scan=partial(_scan, path, label_map),
        task=Task(),
        protocols=_protocols(utterances),
        expected=None,
        root_variable="",
        title=f"{path.stem}, a corpus listed in a CSV",
        licence="as its owners say",
        citation=f"@misc{{{key},\n  title = {{{path.stem}}}\n}}",
        layout=LAYOUT,
        **vars(read_stated_facts(path)),
    )


def _scan(
    path: Path, label_map: LabelMap | None, root: Path | None = None, notes: list[str] | None = None
) -> list[Utterance]:
    return scan_table(path, path.stem, notes, label_map)


def _protocols(utterances: Sequence[Utterance]) -> tuple[str, ...]:
    values: dict[str, list[str | None]] = {
        "given": [item.extra.get("fold") or item.extra.get("partition") for item in utterances],
        "speaker": [item.speaker for item in utterances],
        "session": [item.session for item in utterances],
        "speaker-text": [item.text_id for item in utterances],
    }
    counts = {name: 0 if None in found else len(set(found)) for name, found in values.items()}
    # folds that somebody gave may test one speaker alone; all others leave a speaker out
    enough = {name: count > 1 and (name == "given" or counts["speaker"] > 1) for name, count in counts.items()}
    enough["speaker5"] = counts["speaker"] >= 5
    order = ("given", "speaker", "speaker5", "session", "speaker-text")
    allowed = [name for name in order if enough[name]]
    return (*allowed, "random5")


def _unused(path: Path, columns: Sequence[str]) -> list[str]:
    notes, free = [], [known for known in COLUMNS if known not in columns]
    unused = [name for name in columns if name not in COLUMNS]
    for name in unused[:UNUSED_NAMED]:
        near = nearest(name, free, cutoff=0.7)
        notes.append(f"{path.name}: column {name[:80]!r} is not used" + (f" (is it {near}?)" if near else ""))
    if len(unused) > UNUSED_NAMED:
        notes.append(f"{path.name}: {len(unused) - UNUSED_NAMED} more columns are not used")
    return notes


def _utterance(
    row: Row, name: str, folder: Path, comma: bool, faults: list[Fault], label_map: LabelMap
) -> Utterance | None:
    """Make the record of a line; None, and faults, where a cell is wrong."""
    cells = row.cells
    wav = _wav(row, folder, faults)
    numbers = _numbers(row, comma, faults)
    start_s, end_s = numbers["start"], numbers["end"]
    vad = [numbers[dimension] for dimension in DIMENSIONS]
    word, gender = cells["emotion"], cells.get("gender", "")
    label = label_map.get(word.casefold(), emotion_of(word))
    if not cells["speaker"]:
        faults.append(Fault(row.where, "no speaker", "a name, unique in the corpus"))
    if not word and None in vad:
        faults.append(Fault(row.where, "no emotion", "a word, or valence, activation and dominance"))
    elif word and label is None and word.casefold() not in label_map:
        faults.append(Fault(row.where, f"emotion {word!r}", f"{words_expected(word)}; others by --label-map FILE"))
    if gender and gender.lower() not in GENDER_OF:
        faults.append(Fault(row.where, f"gender {gender!r}", "F, M, female, male or nothing"))
    partition = _partition(cells.get("partition", ""))
    if partition is None:
        found = f"partition {cells['partition']!r}"
        faults.append(Fault(row.where, found, "train, dev, test, test1, test2, ... or nothing"))
    if partition and cells.get("fold"):
        faults.append(Fault(row.where, "a fold and a partition", "one of the two"))
    if end_s is not None and end_s <= (start_s or 0.0):
        faults.append(Fault(row.where, f"end {end_s:g} s", f"more than the start, {start_s or 0.0:g} s"))
    if faults:
        return None
    if end_s is None and start_s == 0:
        start_s = None
    return Utterance(
        id=cells.get("id") or _id(wav, start_s),
        corpus=name,
        wav=wav,
        start_s=start_s,
        end_s=end_s,
        speaker=cells["speaker"],
        gender=GENDER_OF.get(gender.lower()),
        session=cells.get("session") or None,
        text_id=cells.get("text") or None,
        label=label,
        vad=None if vad == [None] * len(vad) else vad,
        extra={
            name: value
            for name, value in (("emotion_code", word), ("fold", cells.get("fold")), ("partition", partition))
            if value
        },
    )


def _partition(word: str) -> str | None:
    """The name of a partition, "" where none is named; None for a word that names none.

    Example
    -------
    >>> [_partition(word) for word in ("Train", "validation", "Test2", "", "rest")]
    ['train', 'dev', 'test2', '', None]
    """
    known = PARTITIONS.get(word.lower(), word.lower())
    return known if not known or known in ("train", "dev") or TEST.fullmatch(known) else None


def _wav(row: Row, folder: Path, faults: list[Fault]) -> str:
    """Give the file's path with "/", relative to the CSV's folder where it lies in it."""
    file = row.cells["file"].replace("\\", "/")
    wav = posixpath.normpath(file) if file else ""
    if wav.startswith(f"{folder}/"):
        wav = wav[len(str(folder)) + 1 :]
    if not file:
        faults.append(Fault(row.where, "no file", "a path from the CSV's folder on, or an absolute one"))
    elif wav == ".." or wav.startswith("../"):
        faults.append(
            Fault(row.where, f"{file}, outside the CSV's folder", "a path in this folder, or an absolute one")
        )
    elif not PurePosixPath(wav).name or file.endswith("/"):
        faults.append(Fault(row.where, f"the folder {file}", "a file"))
    return wav


def _numbers(row: Row, comma: bool, faults: list[Fault]) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {}
    for column in (*DIMENSIONS, "start", "end"):
        text, numbers[column] = row.cells.get(column, ""), None
        is_time = column in ("start", "end")
        if not text or text in ("NaN", "nan", "NaT"):
            continue
        try:
            numbers[column] = number = (read_seconds if is_time else read_number)(text, comma)
            if is_time and not 0 <= number < LONGEST_S:
                raise ValueError("no place in a file")
        except ValueError:
            faults.append(Fault(row.where, f"{column} {text!r}", "a time in seconds" if is_time else "a number"))
    return numbers


def _id(wav: str, start_s: float | None) -> str:
    name = PurePosixPath(wav).with_suffix("").as_posix().strip("/").replace("/", "_")
    return name if start_s is None else f"{name}_{round(1000 * start_s):08d}"


@dataclass
class _Seen:
    """What the lines above say: where each stretch of audio and each id stands, and each speaker's gender."""

    audio: dict[tuple[str, float | None, float | None], str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    genders: dict[str, tuple[str, str]] = field(default_factory=dict)

    def fault_of(self, row: Row, found: Utterance) -> Fault | None:
        """Hold a line against those above it, and remember it."""
        audio = (found.wav, found.start_s, found.end_s)
        name = found.wav if found.start_s is None else f"{found.wav} from {found.start_s:g} s"
        if (above := self.audio.setdefault(audio, row.where)) != row.where:
            return Fault(row.where, f"{name} again", f"each once (as in {above})")
        if (above := self.ids.setdefault(found.id, row.where)) != row.where:
            return Fault(
                row.where, f"the id {found.id} of {name} again", f"another name than in {above}, or a column id"
            )
        if found.gender is None:
            return None
        above, gender = self.genders.setdefault(found.speaker, (row.where, found.gender))
        if gender != found.gender:
            return Fault(row.where, f"speaker {found.speaker} as {found.gender}", f"{gender} as in {above}")
        return None
