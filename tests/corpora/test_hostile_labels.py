"""Label files and files of other tools that are none, or that would never end: nothing hangs or crashes."""

from __future__ import annotations

import pytest
from hostile import CASES, KINDS, emodb, prepare, table, within

from speechbrain_ext.analysis.emodb_labels import scan_labels
from speechbrain_ext.bin import exchange, mini
from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.table import corpus_of
from speechbrain_ext.exchange.audformat import import_audformat
from speechbrain_ext.exchange.emobox import import_emobox
from speechbrain_ext.utils.errors import UserError


@pytest.mark.parametrize("kind", ["fifo", "link"])
@pytest.mark.parametrize("key", ["iemocap", "mspimprov", "csv"])
def test_label_files_that_are_no_files_are_one_line(tmp_path, put, capsys, key, kind):
    root = CASES[key][0](tmp_path / "corpus")
    put(root / CASES[key][3], kind)
    fault = within(60, prepare, key, root)
    told = str(fault) + capsys.readouterr().err
    assert isinstance(fault, UserError) and "\n" not in str(fault)
    assert f"{KINDS[kind]}, expected a regular file" in told and CASES[key][3] in told


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999"])
def test_a_perception_test_without_numbers_is_passed_by(tmp_path, value):
    root = emodb(tmp_path / "corpus")
    (root / "erkennung.txt").write_text(f"1\t03a01Wa.wav\t{value}\t90\n2\t03a01Na.wav\t80,5\t90\n")
    prepare("emodb", root)
    by_id = {item.id: item for item in get_corpus("emodb").scan(root)}
    assert "recognised_percent" not in by_id["03a01Wa"].extra and by_id["03a01Na"].extra["recognised_percent"] == 80.5


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_other_files_that_are_read_are_regular_too(tmp_path, put, kind):
    put(tmp_path / "a.csv", kind)
    assert isinstance(within(20, corpus_of, tmp_path / "a.csv"), UserError)
    put(tmp_path / "a" / "lablaut" / "03a01Waxx.lablaut", kind)
    assert isinstance(within(20, scan_labels, tmp_path / "a"), UserError)
    emodb(tmp_path / "e")
    put(tmp_path / "e" / "erkennung.txt", kind)
    assert isinstance(within(20, prepare, "emodb", tmp_path / "e"), UserError)
    put(tmp_path / "b" / "db.yaml", kind)
    assert isinstance(within(20, import_audformat, tmp_path / "b"), UserError)
    put(tmp_path / "c" / "c.jsonl", kind)
    assert isinstance(within(20, import_emobox, tmp_path / "c"), UserError)
    (tmp_path / "c" / "c.jsonl").unlink()
    (tmp_path / "c" / "c.jsonl").write_text('{"key": "a", "wav": "a.wav", "emo": "sad"}\n')
    put(tmp_path / "c" / "fold_names.json", kind)
    (tmp_path / "c" / "fold_1").mkdir()
    (tmp_path / "c" / "fold_1" / "c_test_fold_1.jsonl").write_text('{"key": "a", "wav": "a.wav", "emo": "sad"}\n')
    assert isinstance(within(20, import_emobox, tmp_path / "c"), UserError)
    put(tmp_path / "m" / "mini.json", kind)
    assert isinstance(within(20, mini.main, ["--corpus", "emodb", "--out", str(tmp_path / "m")]), UserError)
    words = ["import", "--format", "nkululeko", "--in", str(tmp_path / "a.csv"), "--out", str(tmp_path / "o.csv")]
    assert isinstance(within(20, exchange.main, words), UserError)


BOMB = "\n".join(
    ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
)


@pytest.mark.parametrize(
    "header",
    [
        "&a [*a]",
        "tables: &a {x: *a}",
        "tables: {x: {type: &a [*a]}}",
        f"{BOMB}\ntables: {{x: {{type: *a11}}}}",
        f"{BOMB}\nname: *a11\ntables: {{x: {{type: filewise, fold: *a11, columns: {{e: {{scheme_id: *a11}}}}}}}}",
    ],
)
def test_yaml_aliases_in_a_database_neither_hang_nor_crash(tmp_path, header):
    (tmp_path / "db.yaml").write_text(header)
    (tmp_path / "db.x.csv").write_text("file,emotion\na.wav,sad\n")
    fault = within(60, import_audformat, tmp_path)
    assert isinstance(fault, UserError) and len(str(fault)) < 1000


def test_names_longer_than_a_file_system_takes(tmp_path, capsys):
    long = "x" * 300 + ".wav"
    root = table(tmp_path / "corpus")
    with open(root / "my.csv", "a") as stream:
        stream.write(f"{long},a,sad\n")
    with pytest.raises(UserError, match="1 faults"):
        prepare("csv", root)
    assert "File name too long" in capsys.readouterr().err
    words = ["import", "--format", "nkululeko", "--in", str(root / "my.csv"), "--out", str(tmp_path / "o.csv")]
    exchange.main(words)
    assert "1 of 9 files are not there" in capsys.readouterr().out
