"""Databases in audformat: a header `db.yaml` and one CSV for each table.

The header names schemes (what a column may hold), splits and tables; a table's index is `file`, or `file,start,end`
with times as pandas writes them. Here the table `emotion` holds all utterances, and each part of a fold has a table.

Source: https://audeering.github.io/audformat/data-format.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from speechbrain_ext.corpora.labels import DIMENSIONS, in_order
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.exchange.audformat_tables import DatabaseReader
from speechbrain_ext.exchange.given import GENDER_WORDS, Given, csv_text, seconds_text, used_utterances
from speechbrain_ext.preparation.folds import PARTS, Folds
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_text
from speechbrain_ext.utils.regular_file import read_regular


def export_audformat(folder: str | Path, utterances: Sequence[Utterance], folds: Folds | None = None) -> list[str]:
    """Write a corpus as an audformat database without its audio.

    Arguments
    ---------
    folder : str or Path
        The folder to write.
    utterances : sequence of Utterance
        Of the manifest.
    folds : Folds or None
        Fold 1's training part is the table `fold-1.train`, which names the fold in `fold`.

    Returns
    -------
    list of str
        What the user should know.

    Raises
    ------
    UserError
        There is nothing to write, or an audio file is named absolutely, which audformat does not allow.
    """
    folder, used = Path(folder), used_utterances(utterances, folds, needs_label=False)
    if outside := [item.wav for item in used if item.wav.startswith("/")]:
        raise UserError(
            f"{outside[0]}: audformat names files from the database's folder on: put the audio below the CSV"
        )
    index = ["file"] if all(item.start_s is None and item.end_s is None for item in used) else ["file", "start", "end"]
    columns = _columns(used)
    tables: dict[str, Any] = {"emotion": _table(index, columns)}
    texts = {"emotion": csv_text([*index, *columns], (_cells(item) for item in used))}
    by_id = {item.id: item for item in used}
    for number, fold in enumerate(folds.folds if folds else (), start=1):
        for part in PARTS:
            if fold.part(part):
                name = f"fold-{number}.{part}"
                tables[name] = _table(index, ["emotion"]) | {"split_id": part, "fold": fold.name}
                texts[name] = csv_text([*index, "emotion"], (_cells(by_id[id_]) for id_ in fold.part(part)))
    header = {
        "name": used[0].corpus,
        "source": "",
        "usage": "research",
        "languages": [],
        "schemes": {name: _scheme(name, used) for name in columns},
        **({"splits": {part: {"type": part} for part in PARTS}} if folds else {}),
        "tables": tables,
    }
    for name, text in texts.items():
        write_text(folder / f"db.{name}.csv", text)
    write_text(folder / "db.yaml", yaml.safe_dump(header, sort_keys=False, allow_unicode=True))
    return ["the audio is not copied: files are named as in the corpus's folder, where db.yaml and tables may be put"]


def import_audformat(folder: str | Path) -> Given:
    """Read the emotions, speakers and splits of an audformat database whose tables are CSV files.

    Arguments
    ---------
    folder : str or Path
        With `db.yaml`.

    Returns
    -------
    Given
        Utterances are what has an emotion (or valence, activation and dominance); speakers, genders, sessions and
        texts are taken from any table or scheme. Tables of splits make folds: one, or those that `fold` names.

    Raises
    ------
    UserError
        The folder is no such database, or a file has no speaker.
    CorpusFaults
        Some lines of tables are wrong; all are told at once.
    """
    path = Path(folder) / "db.yaml"
    try:
        header = yaml.safe_load(read_regular(path).decode("utf-8-sig"))
    except OSError as fault:
        raise UserError(
            f"{path}: cannot be read ({fault.strerror}), expected audformat's header: name its folder"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as fault:
        raise UserError(f"{path}: no YAML ({' '.join(str(fault).split())[:200]}): get the database again") from None
    if not isinstance(header, dict) or not isinstance(header.get("tables"), dict):
        raise UserError(f"{path}: no tables, expected audformat's header: name the folder of a database")
    return DatabaseReader(Path(folder), header).given()


def _columns(used: Sequence[Utterance]) -> list[str]:
    filled = {"session": "session", "text": "text_id", "vad": "vad"}
    there = {name for name, attribute in filled.items() if any(getattr(item, attribute) is not None for item in used)}
    dimensions = DIMENSIONS if "vad" in there else ()
    return ["emotion", "speaker", *(name for name in ("session", "text") if name in there), "id", *dimensions]


def _table(index: Sequence[str], columns: Iterable[str]) -> dict[str, Any]:
    kind = "filewise" if len(index) == 1 else "segmented"
    return {"type": kind, "columns": {name: {"scheme_id": name} for name in columns}}


def _scheme(name: str, used: Sequence[Utterance]) -> dict[str, Any]:
    if name == "emotion":
        return {"dtype": "str", "labels": in_order(item.label for item in used if item.label)}
    if name == "speaker":
        genders = {item.speaker: GENDER_WORDS[item.gender] for item in used}
        return {"dtype": "str", "labels": {speaker: {"gender": genders[speaker]} for speaker in sorted(genders)}}
    return {"dtype": "float" if name in DIMENSIONS else "str"}


def _cells(item: Utterance) -> dict[str, Any]:
    return {
        "file": item.wav,
        "start": _time(item.start_s or 0.0),
        "end": _time(item.end_s),
        "emotion": item.label or "",
        "speaker": item.speaker,
        "session": item.session or "",
        "text": item.text_id or "",
        "id": item.id,
        **{name: seconds_text(value) for name, value in zip(DIMENSIONS, item.vad or [None] * 3, strict=True)},
    }


def _time(seconds: float | None) -> str:
    """A time as pandas writes it."""
    if seconds is None:
        return ""
    whole, nanoseconds = divmod(round(seconds * 1e9), 10**9)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 1440} days {minutes // 60 % 24:02d}:{minutes % 60:02d}:{rest:02d}.{nanoseconds:09d}"
