"""EmoBox's JSON lines: one file for the corpus, one for each part of each fold; no field names the speaker.

Source: EmoBox (Ma et al., Interspeech 2024), the folder `data/<corpus>/` of its repository.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora import CORPORA
from speechbrain_ext.corpora.corpus import Spoken
from speechbrain_ext.corpora.emotion_words import emotion_of, read_words
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.exchange.emobox_files import (
    MAP_FILES,
    NAMES_FILE,
    PART_WORDS,
    Records,
    find_files,
    fold_part,
    read_records,
    text_of,
)
from speechbrain_ext.exchange.given import Given, csv_text, left_out_notes, used_utterances
from speechbrain_ext.exchange.speakers import SPEAKER_COLUMNS, missing_speakers, read_speakers, spoken_by_name
from speechbrain_ext.preparation.folds import PARTS, Fold, Folds
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_json, write_text
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.regular_file import read_regular

# The words of EmoBox's own files, with its spelling of boredom.
WORDS = {
    "iemocap": dict(
        anger="ang",
        disgust="dis",
        excited="exc",
        fear="fea",
        frustration="fru",
        happiness="hap",
        neutral="neu",
        sadness="sad",
        surprise="sur",
        other="oth",
    ),
    "emodb": dict(anger="anger", boredom="boredem", happiness="happy", sadness="sad"),
}
NAMES = dict(anger="Angry", excited="Happy", happiness="Happy", sadness="Sad")
SPEAKERS_FILE = "speakers.csv"


def key_of(corpus: str) -> str:
    """A corpus's name in small letters and digits, as EmoBox names its folders.

    Example
    -------
    >>> key_of("MSP-IMPROV")
    'mspimprov'
    """
    return "".join(letter for letter in corpus.lower() if letter.isalnum())


def export_emobox(folder: str | Path, utterances: Sequence[Utterance], folds: Folds | None = None) -> list[str]:
    """Write a corpus as EmoBox's `data/<corpus>/`.

    Arguments
    ---------
    folder : str or Path
        The folder to write.
    utterances : sequence of Utterance
        Of the manifest.
    folds : Folds or None
        None writes the corpus alone.

    Returns
    -------
    list of str
        Notes for the user. Audio is named `downloads/<corpus>/<wav>`, as EmoBox does; `speakers.csv` names
        the speakers where the names of utterances do not; `fold_names.json` keeps names of folds that are not 1, 2, ...

    Raises
    ------
    UserError
        There is nothing to write, or an utterance of the folds has no label.
    """
    folder, used = Path(folder), used_utterances(utterances, folds)
    dataset = key_of(used[0].corpus)
    records = {item.id: _record(item, dataset) for item in used}
    write_text(folder / f"{dataset}.jsonl", _lines(records.values()))
    words = {record["emo"]: item.label or "" for item, record in zip(used, records.values(), strict=True)}
    write_json(
        folder / "label_map.json", {word: NAMES.get(label, label.title()) for word, label in sorted(words.items())}
    )
    if any(
        spoken_by_name(dataset, item.id) != Spoken(item.speaker, item.gender, item.session, item.text_id)
        for item in used
    ):
        rows = ({"key": str(records[item.id]["key"]), **_cells(item)} for item in used)
        write_text(folder / SPEAKERS_FILE, csv_text(SPEAKER_COLUMNS, rows))
    names = folds.names if folds else []
    numbers = [str(number + 1) for number in range(len(names))]
    if names != numbers:
        write_json(folder / NAMES_FILE, dict(zip(numbers, names, strict=True)))
    for number, fold in zip(numbers, folds.folds if folds else (), strict=True):
        for part, word in PART_WORDS.items():
            if fold.part(part):
                file = folder / f"fold_{number}" / f"{dataset}_{word}_fold_{number}.jsonl"
                write_text(file, _lines(records[id_] for id_ in fold.part(part)))
    notes = [f"EmoBox looks for the audio in downloads/{dataset}: link or copy the corpus there"]
    if any(item.num_samples is None for item in used):
        notes.append("the audio was not measured: num_frame, length and sample_rate are left out")
    return notes


def import_emobox(folder: str | Path, speakers: str | Path | None = None) -> Given:
    """Read a corpus, and its folds as they are, from EmoBox's `data/<corpus>/`.

    Arguments
    ---------
    folder : str or Path
        With `<corpus>.jsonl` or folders `fold_N`.
    speakers : str or Path or None
        A CSV `key,speaker[,gender,session,text]`; None takes the folder's own, or what the corpus's names say.

    Returns
    -------
    Given
        Old files `*_fold1.jsonl`, which have other fields, are read only where there is no `*_fold_1.jsonl`. Words
        that the vocabulary does not know are looked up in the folder's `label_map.json`.

    Raises
    ------
    UserError
        The folder is not EmoBox's, or a speaker is unknown.
    CorpusFaults
        Some lines are wrong; all of them are reported.
    """
    folder = Path(folder)
    main, fold_files = find_files(folder)
    faults: list[Fault] = []
    everything = {file: read_records(file, folder, faults) for file in [*main, *fold_files]}
    records: dict[str, JsonObject] = {}
    for file in main or fold_files:
        for where, record in everything[file]:
            old = records.setdefault(str(record["key"]), record)
            if _content(old) != _content(record):
                faults.append(Fault(where, f"{record['key']}: {_content(record)}", f"{_content(old)}, as above"))
    folds = _folds(folder, {file: everything[file] for file in fold_files}, records, faults)
    if faults:
        raise CorpusFaults(faults, [])
    if not records:
        raise UserError(f"{folder}: no utterance in its files, expected EmoBox's lines: name data/<corpus> of EmoBox")
    own = folder / SPEAKERS_FILE
    known = read_speakers(speakers or own) if speakers or own.exists() else None
    return _given(folder, records, folds, known)


def _content(record: JsonObject) -> tuple[Any, ...]:
    return (
        text_of(record, "wav", "audio"),
        text_of(record, "emo", "label"),
        record.get("start_time"),
        record.get("end_time"),
    )


def _cells(item: Utterance) -> dict[str, str | None]:
    return {"speaker": item.speaker, "gender": item.gender, "session": item.session, "text": item.text_id}


def _record(item: Utterance, dataset: str) -> JsonObject:
    record: JsonObject = {"key": f"{dataset}-{item.id}", "dataset": dataset}
    record["wav"] = item.wav if item.wav.startswith("/") else f"downloads/{dataset}/{item.wav}"
    record["type"] = "raw"
    if item.num_samples is not None:
        record |= {"sample_rate": item.sample_rate_hz, "num_frame": float(item.num_samples)}
    record["task"] = "category"
    if item.num_samples is not None:
        record["length"] = item.duration_s
    record |= {
        "emo": WORDS.get(dataset, {}).get(item.label or "", item.label),
        "channel": item.extra.get("channels", 1),
    }
    times = {"start_time": item.start_s, "end_time": item.end_s}
    return record | {name: value for name, value in times.items() if value is not None}


def _lines(records: Iterable[JsonObject]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _folds(folder: Path, files: Mapping[Path, Records], records: Collection[str], faults: list[Fault]) -> list[Fold]:
    names: Any = {}
    if (folder / NAMES_FILE).exists():
        try:
            names = json.loads(read_regular(folder / NAMES_FILE).decode("utf-8"))
        except (OSError, ValueError, RecursionError):
            names = None
        if not isinstance(names, dict):
            faults.append(Fault(NAMES_FILE, "no JSON object", "names of folds by number"))
            names = {}
    keys: dict[str, dict[str, list[str]]] = {}
    for path, pairs in files.items():
        number, part = fold_part(path)
        in_parts = keys.setdefault(number, {name: [] for name in PARTS})
        for where, record in pairs:
            if str(record["key"]) not in records:
                faults.append(Fault(where, str(record["key"]), "a key of the corpus's own file"))
            in_parts[part].append(str(record["key"]))
    return [
        Fold(str(names.get(number, number)), **{part: tuple(found) for part, found in in_parts.items()})
        for number, in_parts in keys.items()
    ]


def _label_map(folder: Path) -> dict[str, str]:
    """Read what words mean from the folder's own map; meanings outside the vocabulary are left out."""
    for name in MAP_FILES:
        if (folder / name).exists():
            words = read_words(folder / name)
            found = {word: emotion_of(meaning) for word, meaning in words.items() if isinstance(meaning, str)}
            return {word: emotion for word, emotion in found.items() if emotion is not None}
    return {}


def _seconds(record: JsonObject, key: str) -> float | None:
    value = record.get(key)
    return value if isinstance(value, (int, float)) else None


def _given(
    folder: Path,
    records: Mapping[str, JsonObject],
    folds: Sequence[Fold],
    known: Mapping[str, Spoken] | None,
) -> Given:
    """Make utterances; those with an unknown emotion are left out and noted."""
    dataset = key_of(str(next(iter(records.values())).get("dataset") or folder.name))
    corpus = CORPORA[dataset].name if dataset in CORPORA else dataset
    ids = {key: key[len(dataset) + 1 :] if key.startswith(f"{dataset}-") else key for key in records}
    if len(set(ids.values())) < len(ids):
        repeated = next(id_ for id_ in ids.values() if list(ids.values()).count(id_) > 1)
        raise UserError(f"{folder}: two keys mean {repeated}, with and without {dataset}-: leave one of them out")
    utterances: dict[str, Utterance] = {}
    strange: Counter[str] = Counter()
    unknown: dict[str, str] = {}
    meaning = _label_map(folder)
    for key, record in records.items():
        word = str(text_of(record, "emo", "label"))
        label = emotion_of(word) or meaning.get(word)
        spoken = spoken_by_name(dataset, ids[key]) if known is None else known.get(key, known.get(ids[key]))
        if label is None:
            strange[word] += 1
        elif spoken is None:
            unknown[ids[key]] = key
        else:
            wav = str(text_of(record, "wav", "audio")).replace("\\", "/").removeprefix(f"downloads/{dataset}/")
            utterances[key] = Utterance(
                id=ids[key],
                corpus=corpus,
                wav=wav,
                start_s=_seconds(record, "start_time"),
                end_s=_seconds(record, "end_time"),
                speaker=spoken.speaker,
                gender=spoken.gender,
                session=spoken.session,
                text_id=spoken.text_id,
                label=label,
                extra={"emotion_code": word},
            )
    if unknown:
        raise missing_speakers(unknown, str(folder))
    notes = left_out_notes(strange)
    if not utterances:
        raise UserError(f"{folder}: no utterance with a known emotion: {'; '.join(notes)}: name another folder")
    notes += [
        f"{MAP_FILES[0]} counts {word} as {emotion}, here it stays {emotion_of(word)}"
        for word, emotion in meaning.items()
        if emotion_of(word) not in (None, emotion)
    ]
    kept = [
        Fold(fold.name, *(tuple(ids[key] for key in fold.part(part) if key in utterances) for part in PARTS))
        for fold in folds
    ]
    return Given(corpus, sorted(utterances.values(), key=lambda item: item.id), kept, notes)
