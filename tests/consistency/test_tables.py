"""Every table of a recipe loads, and the list of tables is what its files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechbrain_ext import hparams
from speechbrain_ext.report.tables.table_list import COMMAND, PAGE, table_list
from speechbrain_ext.training.paper_tables import load_table
from speechbrain_ext.training.table_names import table_files

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TABLES = [(path.parent, name) for path in sorted(RECIPES.glob("*/tables")) for name in table_files(path.parent)]


@pytest.mark.parametrize(("recipe", "identity"), TABLES, ids=lambda value: getattr(value, "name", value))
def test_every_row_is_another_run_of_its_system(recipe, identity):
    table = load_table(recipe, identity)
    made = {}
    for row in table.rows:
        words = hparams.parse_overrides(list(row.words))
        loaded = hparams.load_system(recipe, row.system, words)
        assert loaded.tree["variant"] == row.variant
        effective = {**loaded.tree, **loaded.task.to_dict()}
        assert {key: effective[key] for key in row.overrides} == row.overrides
        made.setdefault((row.system, row.protocol, loaded.sha256()), []).append(row.name)
    assert all(len(names) == 1 for names in made.values()), made


def test_tables_of_amsnet_on_emodb_are_whole():
    rows = {name: load_table(RECIPES / "EmoDB", name).rows for name in table_files(RECIPES / "EmoDB")}
    numbers = {name: [(row.paper_wa, row.paper_uar) for row in found] for name, found in rows.items()}
    assert numbers["amsnet/2"] == [(0.8834, 0.8856)]
    # the one accuracy of Table 3 is UA
    assert numbers["amsnet/3"] == [(None, uar) for uar in (0.8794, 0.8832, 0.8859, 0.8854, 0.8842)]
    assert [row.overrides["reduction"] for row in rows["amsnet/3"]] == [2, 4, 8, 16, 32]
    assert [row.variant for row in rows["amsnet/5"]] == ["early", "frlm", "urlm", "concat", "full"]
    for name in ("amsnet/figure4", "amsnet/figure6", "amsnet/figure7"):
        assert set(numbers[name]) == {(None, None)}, "a plot is never read off"


def test_tables_of_am_resnet_are_whole():
    """Each number as printed, once for each row that it fits, and the same row on the other test set."""
    numbers = {}
    for number in "2345":
        for row in load_table(RECIPES / "IEMOCAP", f"am_resnet/{number}").rows:
            label, count = row.name.rsplit(", ", 1)
            assert row.overrides["merge_excited"] == (count == "5531")
            # with wav2vec 2.0 the printed accuracies fit 5531, without it 4490
            assert (row.paper_wa is not None) == ((count == "5531") == label.startswith("+W2V2"))
            if row.paper_wa is not None:
                numbers[number, label] = row.paper_wa, row.paper_uar
    assert numbers == {
        ("2", "AM-ResNet clear"): (0.6735, None),
        ("2", "+W2V2+CA clear"): (0.6836, None),
        ("2", "AM-ResNet clear+ambiguous"): (0.6887, 0.6790),
        ("2", "+W2V2+CA clear+ambiguous"): (0.7079, 0.7221),
        ("3", "ResNet"): (0.6750, 0.6656),
        ("3", "M-ResNet"): (0.6788, 0.6774),
        ("4", "M-ResNet"): (0.6788, 0.6774),
        ("4", "AM-ResNet"): (0.6887, 0.6790),
        ("5", "AM-ResNet"): (0.6887, 0.6790),
        ("5", "+W2V2+FC"): (0.6374, 0.6524),
        ("5", "+W2V2+CA"): (0.7079, 0.7221),
    }


def test_tables_of_amsnet_on_iemocap_are_whole():
    rows = {number: load_table(RECIPES / "IEMOCAP", f"amsnet/{number}").rows for number in "234"}
    assert [(row.paper_wa, row.paper_uar) for row in rows["2"]] == [(0.6922, 0.7051)]
    assert [(row.paper_wa, row.paper_uar) for row in rows["3"]] == [
        (None, uar) for uar in (0.7034, 0.7041, 0.7053, 0.7051, 0.7039)
    ]
    assert rows["3"][3].paper_uar == rows["2"][0].paper_uar, "r = 16 is the model of Table 2"
    assert [(row.paper_wa, row.paper_uar) for row in rows["4"]] == [
        (0.6569, 0.6636),
        (0.6502, 0.6460),
        (0.6743, 0.6792),
        (0.6894, 0.6921),
        (0.6922, 0.7051),
    ]


def test_the_list_of_tables_is_what_the_files_say():
    assert (RECIPES / PAGE).read_bytes() == table_list(RECIPES).encode("utf-8"), f"make it with: {COMMAND}"
