"""The tables of an audformat database, joined by file or segment of a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora.emotion_words import emotion_of
from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.corpora.stated_facts import LONGEST, StatedFacts
from speechbrain_ext.corpora.table import GENDER_OF, LONGEST_S
from speechbrain_ext.corpora.table_file import Row, read_number, read_seconds, read_table_file
from speechbrain_ext.exchange.given import Given, left_out_notes
from speechbrain_ext.preparation.folds import PARTS, Fold
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject, JsonValue

Place = tuple[str, float | None, float | None]  # file, start and end in seconds
FACTS = ("emotion", "speaker", "gender", "session", "text", "id", *DIMENSIONS)
ALIASES = {"arousal": "activation", "transcription": "text", "sex": "gender"}


class DatabaseReader:
    """Reads all tables once, and gives the corpus.

    Arguments
    ---------
    folder : Path
        With the tables, `db.<table>.csv`.
    header : dict
        What `db.yaml` says; `tables` is a dict.
    """

    def __init__(self, folder: Path, header: JsonObject) -> None:
        self.folder, self.header = folder, header
        self.faults: list[Fault] = []
        self.facts: dict[Place, dict[str, str]] = {}
        self.parts: dict[tuple[str, str], list[Place]] = {}
        for name, table in _mapping(header["tables"]).items():
            self._read_table(str(name), _mapping(table))

    def given(self) -> Given:
        """Make the utterances and folds of what the tables say."""
        labels = _mapping(_mapping(_mapping(self.header.get("schemes")).get("speaker")).get("labels"))
        corpus = _text(self.header.get("name")) or self.folder.name
        utterances: dict[Place, Utterance] = {}
        strange: Counter[str] = Counter()
        without_speaker = []
        for place, own in sorted(self.facts.items(), key=lambda pair: _order(pair[0])):
            facts = {**self.facts.get((place[0], None, None), {}), **own}
            vad = self._vad(place, facts)
            word = own.get("emotion", "")
            label = emotion_of(word)
            is_judged = bool(word) or (None not in vad and any(name in own for name in DIMENSIONS))
            if word and label is None:
                strange[word] += 1
            elif is_judged and not facts.get("speaker"):
                without_speaker.append(place[0])
            elif is_judged:
                speaker = _mapping(labels.get(facts["speaker"]))
                gender = facts.get("gender") or (_text(speaker.get("gender")) or _text(speaker.get("sex")))
                utterances[place] = _utterance(corpus, place, facts, label, vad, GENDER_OF.get(gender.lower()))
        if self.faults:
            raise CorpusFaults(self.faults, list(utterances.values()))
        self._refuse(without_speaker, utterances, strange)
        ids = {place: item.id for place, item in utterances.items()}
        items = sorted(utterances.values(), key=lambda item: item.id)
        return Given(corpus, items, self._folds(ids), left_out_notes(strange), StatedFacts(self._language()))

    def _language(self) -> str:
        """The languages that the header names, as ISO 639-3 codes; "" where there is none."""
        named = self.header.get("languages")
        codes = [_text(code) for code in named] if isinstance(named, list) else []
        return ", ".join(code for code in codes if code.isprintable() and code.strip())[:LONGEST]

    def _refuse(
        self, without_speaker: Sequence[str], utterances: Mapping[Place, Utterance], strange: Mapping[str, int]
    ) -> None:
        if without_speaker:
            raise UserError(
                f"{self.folder}: no speaker is known for {len(without_speaker)} files, first {without_speaker[0]}: "
                "expected a column speaker in a table: add it"
            )
        if not utterances:
            found = f"; emotions found: {', '.join(sorted(strange))[:200]}" if strange else ""
            raise UserError(
                f"{self.folder}: no table has a column emotion with known words{found}: name another database"
            )
        ids: dict[str, Place] = {}
        for place, item in utterances.items():
            if ids.setdefault(item.id, place) != place:
                raise UserError(f"{self.folder}: {place[0]} and {ids[item.id][0]} have one id, {item.id}: rename one")

    def _read_table(self, name: str, table: Mapping[str, JsonValue]) -> None:
        path = self.folder / f"db.{name}.csv"
        kind = table.get("type")
        if kind not in ("filewise", "segmented") or not re.fullmatch(r"[\w.-]+", name):
            raise UserError(
                f"{self.folder / 'db.yaml'}: table {name!r} of type {_text(kind)!r}: expected filewise or segmented"
            )
        if not path.is_file():
            others = [suffix for suffix in ("parquet", "pkl") if path.with_suffix(f".{suffix}").is_file()]
            cure = "save the database with audformat as csv: db.save(folder, storage_format='csv')"
            raise UserError(f"{path}: missing{f', there is {others[0]}' if others else ''}: {cure}")
        index = ("file",) if kind == "filewise" else ("file", "start", "end")
        content = read_table_file(path, (*index, *FACTS), index, self._aliases(table))
        self.faults += content.faults
        split = self._part_of(table)
        for row in content.rows:
            place = self._place(row)
            if place is None:
                continue
            if split:
                self.parts.setdefault(split, []).append(place)
            known = self.facts.setdefault(place, {})
            for fact in FACTS:
                value = row.cells.get(fact, "")
                if value and known.setdefault(fact, value) != value:
                    self.faults.append(
                        Fault(row.where, f"{fact} {value} of {place[0]}", f"{known[fact]}, as another table")
                    )

    def _aliases(self, table: Mapping[str, JsonValue]) -> dict[str, str]:
        """Names of columns: usual ones, and that of the only column whose scheme is a fact."""
        columns = {
            str(name): _text(_mapping(column).get("scheme_id"))
            for name, column in _mapping(table.get("columns")).items()
        }
        lower = {name.lower() for name in columns}
        aliases = {alias: fact for alias, fact in ALIASES.items() if fact not in lower}
        for fact in FACTS:
            named = [name.lower() for name, scheme in columns.items() if scheme == fact]
            if fact not in lower and len(named) == 1:
                aliases[named[0]] = fact
        return aliases

    def _part_of(self, table: Mapping[str, JsonValue]) -> tuple[str, str] | None:
        split = table.get("split_id")
        kind = _mapping(_mapping(self.header.get("splits")).get(split) if isinstance(split, str) else None).get("type")
        return (_text(table.get("fold", "1")), kind) if kind in PARTS else None

    def _place(self, row: Row) -> Place | None:
        times: list[float | None] = []
        for column in ("start", "end"):
            text = row.cells.get(column, "")
            try:
                time_s = None if text in ("", "NaT") else read_seconds(text)
                if time_s is not None and not 0 <= time_s < LONGEST_S:
                    raise ValueError("no place in a file")
            except ValueError:
                self.faults.append(Fault(row.where, f"{column} {text!r}", "a time such as 0 days 00:00:01.5"))
                return None
            times.append(time_s)
        if not row.cells["file"]:
            self.faults.append(Fault(row.where, "no file", "a path"))
            return None
        # A start of 0 without an end is the complete file.
        return (row.cells["file"], None if times == [0.0, None] else times[0], times[1])

    def _vad(self, place: Place, facts: Mapping[str, str]) -> list[float | None]:
        vad: list[float | None] = []
        for name in DIMENSIONS:
            try:
                vad.append(read_number(facts[name]) if facts.get(name) else None)
            except ValueError:
                self.faults.append(Fault(place[0], f"{name} {facts[name]!r}", "a number"))
                vad.append(None)
        return vad

    def _folds(self, ids: Mapping[Place, str]) -> list[Fold]:
        names = list(dict.fromkeys(name for name, _ in self.parts))
        places = {(name, part): self.parts.get((name, part), []) for name in names for part in PARTS}
        found = {key: dict.fromkeys(ids[place] for place in some if place in ids) for key, some in places.items()}
        return [Fold(name, **{part: tuple(found[name, part]) for part in PARTS}) for name in names]


def _utterance(
    corpus: str, place: Place, facts: Mapping[str, str], label: str | None, vad: list[float | None], gender: str | None
) -> Utterance:
    wav, start_s, end_s = place
    stem = Path(wav).with_suffix("").as_posix().strip("/").replace("/", "_")
    return Utterance(
        id=facts.get("id") or (stem if start_s is None else f"{stem}_{round(1000 * start_s):08d}"),
        corpus=corpus,
        wav=wav,
        start_s=start_s,
        end_s=end_s,
        speaker=facts["speaker"],
        gender=gender,
        session=facts.get("session"),
        text_id=facts.get("text"),
        label=label,
        vad=None if vad == [None] * len(vad) else vad,
        extra={"emotion_code": facts["emotion"]} if facts.get("emotion") else {},
    )


def _order(place: Place) -> tuple[str, float, float]:
    return place[0], place[1] or 0.0, place[2] or 0.0


def _text(value: Any) -> str:
    """A scalar as text; "" for anything else, as the text of nested aliases may be longer than any memory."""
    return str(value) if isinstance(value, (str, int, float)) else ""


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
