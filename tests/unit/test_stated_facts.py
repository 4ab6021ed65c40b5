"""Language and kind of speech of a corpus that a CSV lists: read from a file next to it, and shown on its card."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import yaml

from speechbrain_ext.corpora.data_folder import read_facts
from speechbrain_ext.corpora.shared_classes import share_classes
from speechbrain_ext.corpora.stated_facts import StatedFacts, read_stated_facts
from speechbrain_ext.cross_corpus.cards import card
from speechbrain_ext.exchange.exchange import ImportRequest, import_corpus
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import CorpusRequest
from speechbrain_ext.stages import preparation
from speechbrain_ext.utils.errors import UserError

STATED = {"language": "Polish", "speaking": "scripted", "emotions": "acted", "dimension_scale": [1, 7]}
RECORD = StatedFacts("Polish", "scripted", "acted", (1.0, 7.0))


def write_corpus(folder, stated=None, name="my"):
    """A CSV of six files of three speakers, and what is stated of it."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(len(name))
    lines = ["file,speaker,emotion"]
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", 0.1 * random.normal(size=16000), 16000)
        lines.append(f"{number}.wav,s{number // 2},{('anger', 'sadness')[number % 2]}")
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    if stated is not None:
        (folder / f"{name}.facts.json").write_text(json.dumps(stated))
    return folder / f"{name}.csv"


def request(folder, table) -> CorpusRequest:
    return CorpusRequest(corpus=table.stem, root=str(table), data=folder / "data")


def prepared(folder, table):
    asked = request(folder, table)
    return asked, prepare(preparation(asked))


def test_what_is_stated_next_to_a_csv_stands_in_the_manifest_and_on_the_card(tmp_path):
    asked, made = prepared(tmp_path, write_corpus(tmp_path / "c", STATED))
    assert read_facts(asked.folder).stated == RECORD == made.facts.stated
    assert json.loads((asked.folder / "manifest.json").read_text())["stated"] == STATED
    shared = share_classes([made.facts, replace(made.facts, corpus="other")])
    found = card(made.facts, shared, made.utterances)
    assert (found.language, found.speaking, found.emotions) == ("Polish", "scripted", "acted")


def test_without_such_a_file_nothing_is_stated_and_nothing_is_written(tmp_path):
    asked, made = prepared(tmp_path, write_corpus(tmp_path / "c"))
    assert made.facts.stated == StatedFacts()
    assert "stated" not in json.loads((asked.folder / "manifest.json").read_text())
    shared = share_classes([made.facts, replace(made.facts, corpus="other")])
    assert card(made.facts, shared, made.utterances).language == "not stated"


def test_what_is_stated_later_is_taken_over_without_preparing_again(tmp_path):
    table = write_corpus(tmp_path / "c", {"language": "Polish"})
    prepared(tmp_path, table)
    (tmp_path / "c/my.facts.json").write_text('{"language": "Czech"}')
    asked, made = prepared(tmp_path, table)
    assert made.wrote == ("manifest.json",) and read_facts(asked.folder).stated.language == "Czech"


def test_a_known_corpus_has_the_facts_of_its_module(tmp_path):
    _, made = prepared(tmp_path, write_corpus(tmp_path / "c"))
    facts = replace(made.facts, corpus="IEMOCAP")
    shared = share_classes([facts, made.facts])
    assert card(facts, shared, made.utterances).language == "English"
    stated = replace(facts, stated=StatedFacts(language="Polish"))
    assert card(stated, shared, made.utterances).language == "Polish", "a CSV may stand for another copy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "my.facts.json: no JSON .*mend or remove it"),
        ("[]", "found list, expected an object such as"),
        ('{"langauge": "Polish"}', "langauge: expected one of language, speaking, .*: did you mean language"),
        ('{"speech": "acted"}', "speech: expected one of language, speaking"),
        ('{"language": ""}', "language: expected one line of up to 100 characters, found ''"),
        ('{"language": "a\\nb"}', "language: expected one line"),
        ('{"language": 3}', "language: expected one line of up to 100 characters, found 3"),
        (json.dumps({"language": "x" * 101}), "language: expected one line"),
        (
            '{"dimension_scale": [5, 1]}',
            "dimension_scale: expected two numbers, the lower first, .*found .5, 1.: change",
        ),
        ('{"dimension_scale": [1, "5"]}', "dimension_scale: expected two numbers"),
        ('{"dimension_scale": [0, Infinity]}', "dimension_scale: expected two numbers"),
        ('{"dimension_scale": [false, true]}', "dimension_scale: expected two numbers"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, message):
    table = write_corpus(tmp_path / "c")
    (tmp_path / "c/my.facts.json").write_text(text)
    with pytest.raises(UserError, match=message):
        preparation(request(tmp_path, table))


def test_a_folder_of_its_name_is_named(tmp_path):
    (tmp_path / "my.facts.json").mkdir()
    with pytest.raises(UserError, match="my.facts.json: cannot be read"):
        read_stated_facts(tmp_path / "my.csv")


def test_the_languages_of_an_audformat_database_are_written_next_to_the_csv(tmp_path):
    table = write_corpus(tmp_path / "db")
    (tmp_path / "db/db.emotion.csv").write_text(table.read_text())
    columns = {name: {} for name in ("speaker", "emotion")}
    header = {
        "name": "mine",
        "languages": ["deu", "eng"],
        "tables": {"emotion": {"type": "filewise", "columns": columns}},
    }
    (tmp_path / "db/db.yaml").write_text(yaml.safe_dump(header))
    asked = ImportRequest("audformat", tmp_path / "db", tmp_path / "db/mine.csv")
    lines = import_corpus(asked)
    assert "note: wrote mine.facts.json: language deu, eng" in lines
    assert read_stated_facts(asked.out) == StatedFacts(language="deu, eng")
    asked.out.unlink()
    with pytest.raises(UserError, match="mine.facts.json: is there already, as of another CSV"):
        import_corpus(asked)
    del header["languages"]
    (tmp_path / "db/db.yaml").write_text(yaml.safe_dump(header))
    other = replace(asked, out=tmp_path / "db/other.csv")
    import_corpus(other)
    assert other.out.exists() and not (tmp_path / "db/other.facts.json").exists()
