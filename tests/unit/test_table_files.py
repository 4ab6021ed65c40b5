"""Files of tables: every fault is one line that names file and row."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechbrain_ext import hparams
from speechbrain_ext.hparams import loading
from speechbrain_ext.report.tables.paper_notes import paper_notes
from speechbrain_ext.training.paper_tables import load_table, words_of
from speechbrain_ext.training.table_names import table_files, table_id
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.text import DASH

RECIPE = Path(__file__).resolve().parents[2] / "recipes/EmoDB"

REPOSITORY = Path(__file__).resolve().parents[2]
HEAD = "title: A title\nsource: {paper: P, table: '5'}\nsystem: amsnet\n"
ROW = "{name: A b, variant: frlm, protocol: random5, overrides: {hidden_size: 8}, paper: {wa: 84.14, uar: null}}"


def recipe(folder: Path, text: str, name: str = "amsnet_table5.yaml") -> Path:
    made = folder / "recipes/EmoDB"
    (made / "tables").mkdir(parents=True)
    (made / "tables" / name).write_text(text)
    for part in ("hparams", "corpus.yaml"):
        (made / part).symlink_to(REPOSITORY / "recipes/EmoDB" / part)
    (made.parent / "shared").symlink_to(REPOSITORY / "recipes/shared")
    return made


def test_a_row_has_words_a_folder_and_fractions(tmp_path):
    table = load_table(recipe(tmp_path, f"{HEAD}rows: [{ROW}]"), "amsnet/5")
    (row,) = table.rows
    assert (row.folder, row.variant, row.system, row.protocol) == ("table5-a-b", "frlm", "amsnet", "random5")
    assert row.words == ("--variant", "frlm", "--hidden_size", "8")
    assert (row.paper_wa, row.paper_uar) == (0.8414, None)
    paper = {"table": "5", "row": "A b", "wa": 0.8414, "uar": None, "protocol": "random5"}
    assert table.paper_of(row) == paper


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title:", "titel:", r"amsnet_table5.yaml: unknown key titel: did you mean title\?"),
        ("title: A title\n", "", "missing key title"),
        ("paper: P", "papr: P", "source: unknown key papr"),
        ("variant: frlm", "varant: frlm", r"amsnet_table5.yaml: row A b: unknown key varant: did you mean variant\?"),
        ("variant: frlm", "variant: flrm", "amsnet_table5.yaml: row A b: .*'flrm' is not one of early"),
        ("hidden_size", "hiden_size", "row A b: .*unknown key hiden_size: did you mean hidden_size"),
        ("hidden_size: 8", "hidden_size: big", "row A b: .*hidden_size: expected integer >= 1"),
        ("hidden_size: 8", "variant: urlm", "row A b: overrides"),
        ("random5", "randm5", r"row A b: protocol randm5: did you mean random5\?"),
        ("wa: 84.14", "wa: 841.4", "row A b: paper: wa: expected per cent or null, found 841.4"),
        ("uar: null", "ua: null", "row A b: paper: unknown key ua"),
        ("uar: null", "uar: null, recalls: 3", "row A b: paper: recalls: expected per cent by class, found 3"),
        ("uar: null", "uar: null, recalls: {}", "row A b: paper: recalls: expected per cent by class"),
        ("uar: null", "uar: null, recalls: {angr: 3}", r"recalls: class angr: did you mean anger\?"),
        ("uar: null", "uar: null, recalls: {anger: 103}", "recalls: anger: expected per cent or null, found 103"),
        ("uar: null", "uar: null, recalls: {anger: null}", "recalls: anger: expected per cent, found none"),
        ("uar: null", "uar: null, folds: {}", "row A b: paper: folds: expected folds such as Session1F"),
        ("uar: null", "uar: null, folds: {A: {wa: 7, ua: 8}}", "row A b: paper: folds: A: unknown key ua"),
        ("uar: null", "uar: null, folds: {A: {wa: 700, uar: 8}}", "folds: A: wa: expected per cent or null, found 700"),
        ("system: amsnet", "system: svm", "system: expected amsnet as in the file's name"),
        ("rows: [", "figure: pie\nrows: [", "figure: expected one of scores, confusion"),
        (f"[{ROW}]", f"[{ROW}, {ROW}]", "row A b: this name stands twice"),
        (f"[{ROW}]", f"[{ROW}, {ROW.replace('A b', 'a-B')}]", "row table5-a-b: this folder stands twice"),
        (f"[{ROW}]", "[]", "expected a list of rows"),
        (f"[{ROW}]", "[7]", "expected the keys name"),
    ],
)
def test_a_fault_is_one_line_that_names_file_and_row(tmp_path, old, new, told):
    text = f"{HEAD}rows: [{ROW}]"
    assert old in text
    with pytest.raises(UserError, match=told) as fault:
        load_table(recipe(tmp_path, text.replace(old, new, 1)), "amsnet/5")
    assert "\n" not in str(fault.value) and "amsnet_table5.yaml" in str(fault.value)


def test_recalls_of_table_3_of_sd_caff():
    """Typed from Table 3 of Dong, Peng and Che: neutral, sad, angry, happy."""
    printed = {
        "CNN": (80.70, 77.14, 66.09, 65.91),
        "LSTM": (77.25, 76.64, 58.48, 56.41),
        "concat": (82.80, 77.14, 62.28, 66.97),
        "SD-CAFF": (83.99, 79.61, 66.44, 66.82),
    }
    classes = ("neutral", "sadness", "anger", "happiness")
    table = load_table(REPOSITORY / "recipes/IEMOCAP", "sd_caff/3")
    rows = table.paper_recalls
    assert {name: tuple(recalls) for name, recalls in rows.items()} == dict.fromkeys(printed, classes)
    lines = [line for line in paper_notes(table) if "recalls" in line]
    assert len(lines) == 4
    assert lines[0] == "The paper's recalls of CNN: neutral 80.70, sadness 77.14, anger 66.09, happiness 65.91."
    for name, values in printed.items():
        assert [round(100 * value, 2) for value in rows[name].values()] == list(values)


def test_folds_and_remarks_of_the_paper_are_printed_below_the_table(tmp_path):
    folds = "folds: {Session1F: {wa: 73.12, uar: 72.57}, Session1M: {wa: null, uar: 68.53}}"
    text = f"{HEAD}note: the text says otherwise.\nrows: [{ROW.replace('uar: null', f'uar: null, {folds}')}]"
    table = load_table(recipe(tmp_path, text), "amsnet/5")
    assert table.paper_folds == {"A b": {"Session1F": (0.7312, 0.7257), "Session1M": (None, 0.6853)}}
    assert paper_notes(table) == [
        "Of the paper: the text says otherwise.",
        f"The paper's folds of A b (WA / UAR): Session1F 73.12 / 72.57, Session1M {DASH} / 68.53.",
    ]
    plain = load_table(recipe(tmp_path / "plain", f"{HEAD}rows: [{ROW}]"), "amsnet/5")
    assert paper_notes(plain) == [] and plain.paper_folds == {}


def test_an_unknown_table_names_the_nearest():
    with pytest.raises(UsageError, match=r"--table amsnet/figur6: did you mean amsnet/figure6\?"):
        load_table(REPOSITORY / "recipes/EmoDB", "amsnet/figur6")


def test_names_of_files(tmp_path):
    assert list(table_files(REPOSITORY / "recipes/EmoDB"))[:2] == ["amsnet/2", "amsnet/3"]
    with pytest.raises(UserError, match="expected a name like amsnet_table5.yaml"):
        table_id("tables/amsnet-table5.yaml")


@pytest.mark.parametrize(
    "value", ["[16, 8, 8]", "true", "'true'", "null", "1e-3", "'7'", "0.25", "RMSprop", "'a b: c'"]
)
def test_overrides_read_back_as_the_same_value(tmp_path, monkeypatch, value):
    monkeypatch.setattr(loading, "merge", lambda tree, overrides, *_: {**tree, **overrides})
    monkeypatch.setattr(loading, "check_values", lambda *_: None)
    text = f"{HEAD}rows: [{ROW}]".replace("hidden_size: 8", f"hidden_size: {value}")
    (row,) = load_table(recipe(tmp_path, text), "amsnet/5").rows
    assert hparams.parse_overrides(list(row.words))["hidden_size"] == row.overrides["hidden_size"]


def test_a_user_does_not_override_what_makes_the_row(tmp_path):
    table = load_table(recipe(tmp_path, f"{HEAD}rows: [{ROW}]"), "amsnet/5")
    assert words_of(table, table.rows[0], ["--epochs", "3"]) == (*table.rows[0].words, "--epochs", "3")
    for words in (["--hidden-size", "9"], ["--variant=urlm"]):
        with pytest.raises(UsageError, match="row A b of --table amsnet/5 sets it itself"):
            words_of(table, table.rows[0], words)


def test_the_row_of_shuffled_labels_is_the_last_one_without_the_papers_numbers():
    table = load_table(RECIPE, "amsnet/5")
    last, added = table.rows[-1], table.with_shuffled_row().rows[-1]
    assert (added.name, added.folder) == ("AMSNet, shuffled labels", "table5-amsnet-shuffled-labels")
    assert added.words == (*last.words, "--shuffle_labels", "true")
    assert table.paper_of(added) is None and table.paper_of(last) and not added.of_paper
    # A stage that is run alone finds it by name, and the paper's table is without it.
    assert table.row(added.name) == added and added not in table.rows


def test_a_user_cannot_switch_the_shuffled_row_back():
    table = load_table(RECIPE, "amsnet/5").with_shuffled_row()
    with pytest.raises(UsageError, match="shuffle_labels: row AMSNet, shuffled labels .* sets it itself"):
        words_of(table, table.rows[-1], ["--shuffle_labels", "false"])
