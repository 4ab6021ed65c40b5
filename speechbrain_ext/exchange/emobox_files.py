"""The files of EmoBox's `data/<corpus>/`: which of them count, and their records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora.manifest import Fault
from speechbrain_ext.corpora.table import LONGEST_S
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject, JsonValue
from speechbrain_ext.utils.regular_file import read_regular

PART_WORDS = {"train": "train", "dev": "valid", "test": "test"}
NAMES_FILE = "fold_names.json"
MAP_FILES = ("label_map.json", "label_dict.json")
FOLD_FILE = re.compile(r"[^.].*_(?P<part>train|valid|test)_fold(?P<line>_?)(?P<number>[0-9]+)\.(?P<suffix>jsonl?)")

Records = list[tuple[str, JsonObject]]  # with the places of the lines


def find_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Find the corpus's file, and for each part of each fold the newest kind there is.

    Raises
    ------
    UserError
        The folder holds neither.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {found}, expected EmoBox's data/<corpus>: name that folder")
    main: list[Path] = []
    for suffix in (".jsonl", ".json"):
        named = folder / f"{folder.name}{suffix}"
        others = sorted(folder.glob(f"*{suffix}"))
        others = [path for path in others if path.name not in (*MAP_FILES, NAMES_FILE)]
        others = [path for path in others if not FOLD_FILE.fullmatch(path.name) and not path.name.startswith(".")]
        main = main or ([named] if named in others else others[:1])
    best: dict[tuple[str, str], tuple[int, Path]] = {}
    for path in sorted(folder.glob("fold_*/*.json*")):
        if match := FOLD_FILE.fullmatch(path.name):
            # `_fold1` files are older than `_fold_1` ones, and have other fields
            rank = 2 * (not match["line"]) + (match["suffix"] == "json")
            place = (match["number"], match["part"])
            best[place] = min(best.get(place, (9, path)), (rank, path))
    fold_files = [path for _, (_, path) in sorted(best.items(), key=lambda pair: (int(pair[0][0]), pair[0][1]))]
    if not main and not fold_files:
        raise UserError(f"{folder}: no <corpus>.jsonl and no fold_N: name data/<corpus> of EmoBox")
    return main, fold_files


def fold_part(path: Path) -> tuple[str, str]:
    """Give the fold's number and the part that a file of a fold is named by."""
    match = FOLD_FILE.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path}: expected a file of a fold")
    return match["number"], next(part for part, word in PART_WORDS.items() if word == match["part"])


def read_records(path: Path, folder: Path, faults: list[Fault]) -> Records:
    """Give the records of a file with their places; wrong ones become faults."""
    name = path.relative_to(folder).as_posix()
    try:
        text = read_regular(path).decode("utf-8-sig")
        if path.suffix == ".json":
            items = [{"key": key, **value} for key, value in json.loads(text).items()]
            pairs: list[tuple[str, Any]] = [(f"{name} {item['key']}", item) for item in items]
        else:
            lines = enumerate(text.split("\n"), start=1)
            pairs = [(f"{name} line {number}", line) for number, line in lines if line.strip()]
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as fault:
        faults.append(Fault(name, f"unreadable: {' '.join(str(fault).split())[:100]}", "JSON in UTF-8"))
        return []
    records = []
    for where, value in pairs:
        try:
            record = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError) as fault:
            faults.append(Fault(where, f"no JSON ({str(fault)[:100]})", "one record a line"))
            continue
        if missing := _fault_of(record):
            faults.append(Fault(where, missing, "key, wav and emo as texts, times as numbers"))
        else:
            records.append((where, record))
    return records


def _fault_of(record: Any) -> str | None:
    if not isinstance(record, dict):
        return f"{type(record).__name__}"
    for names in (("key",), ("wav", "audio"), ("emo", "label")):
        if not text_of(record, *names):
            return f"no {' or '.join(names)}"
    for name in ("start_time", "end_time"):
        value = record.get(name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < LONGEST_S
        if value is not None and not is_number:
            return f"{name} {value!r}"
    return None


def text_of(record: Mapping[str, JsonValue], *names: str) -> str | None:
    """The text of the first of these fields that a record has; None where it is no text."""
    value = next((record[name] for name in names if name in record), None)
    return value if isinstance(value, str) and value.strip() and value.isprintable() else None
