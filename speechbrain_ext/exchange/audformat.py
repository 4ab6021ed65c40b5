"""Databases in audformat: a header `db.yaml` and one CSV for each table.

The header names schemes (what a column may hold), splits and tables; a table's index is `file`, or `file,start,end`
with times as pandas writes them. Here the table `emotion` holds all utterances, and each part of a fold has a table.

The package audformat writes. It does not read here: it would run code that a received header or pickle names.
Source: https://audeering.github.io/audformat/data-format.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from speechbrain_ext.corpora.labels import DIMENSIONS, in_order
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.exchange.audformat_tables import DatabaseReader
from speechbrain_ext.exchange.given import GENDER_WORDS, Given, used_utterances
from speechbrain_ext.preparation.folds import PARTS, Folds
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.regular_file import read_regular

if TYPE_CHECKING:
    import audformat


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
        The package audformat or the utterances are missing, or an audio file is named absolutely.
    """
    try:
        import audformat
    except ImportError:
        raise UserError(
            "audformat: expected the package audformat, found none: type .venv/bin/pip install '.[audformat]'"
        ) from None
    used = used_utterances(utterances, folds, needs_label=False)
    if outside := [item.wav for item in used if item.wav.startswith("/")]:
        raise UserError(
            f"{outside[0]}: audformat names files from the database's folder on: put the audio below the CSV"
        )
    by_id = {item.id: item for item in used}
    database = audformat.Database(used[0].corpus, usage="research")
    columns = _columns(used)
    for name in columns:
        database.schemes[name] = audformat.Scheme(**_scheme(name, used))
    _fill(database, "emotion", used, used, columns)
    for number, fold in enumerate(folds.folds if folds else (), start=1):
        for part in PARTS:
            if part not in database.splits:
                database.splits[part] = audformat.Split(part)
            if ids := fold.part(part):
                items, settings = [by_id[id_] for id_ in ids], {"split_id": part, "meta": {"fold": fold.name}}
                _fill(database, f"fold-{number}.{part}", used, items, ["emotion"], **settings)
    database.save(str(folder), storage_format="csv")
    return ["the audio is not copied: files are named as in the corpus's folder, where db.yaml and tables may be put"]


def _fill(
    database: audformat.Database,
    name: str,
    used: Sequence[Utterance],
    items: Sequence[Utterance],
    columns: Sequence[str],
    **settings: Any,
) -> None:
    """Add a table of some utterances; all tables are segmented where any utterance is a part of a file."""
    import audformat
    import pandas

    files = [item.wav for item in items]
    if all(item.start_s is None and item.end_s is None for item in used):
        index = audformat.filewise_index(files)
    else:
        starts = pandas.to_timedelta([item.start_s or 0.0 for item in items], unit="s")
        ends = pandas.to_timedelta([item.end_s for item in items], unit="s")
        index = audformat.segmented_index(files, starts, ends)
    table = database[name] = audformat.Table(index, **settings)
    for column in columns:
        table[column] = audformat.Column(scheme_id=column)
        table[column].set([_cell(item, column) for item in items])


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
        Some lines of tables are wrong; all are listed at once.
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


def _scheme(name: str, used: Sequence[Utterance]) -> JsonObject:
    if name == "emotion":
        return {"dtype": "str", "labels": in_order(item.label for item in used if item.label)}
    if name == "speaker":
        genders = {item.speaker: GENDER_WORDS[item.gender] for item in used}
        return {"dtype": "str", "labels": {speaker: {"gender": genders[speaker]} for speaker in sorted(genders)}}
    return {"dtype": "float" if name in DIMENSIONS else "str"}


def _cell(item: Utterance, column: str) -> str | float | None:
    if column in DIMENSIONS:
        return item.vad[DIMENSIONS.index(column)] if item.vad else None
    return {"emotion": item.label, "speaker": item.speaker, "session": item.session, "text": item.text_id}.get(
        column, item.id
    )
