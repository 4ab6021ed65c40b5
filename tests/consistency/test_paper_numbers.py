"""Every number that recipes and tables give as a paper's is the one typed from the paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from paper_numbers import FOLDS, HPARAMS, RECALLS, SPEAKERS, TABLES
from recipe_list import each_recipe

from speechbrain_ext import hparams
from speechbrain_ext.training.paper_tables import load_table
from speechbrain_ext.training.table_names import table_files
from speechbrain_ext.utils.yaml_tree import plain, read

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FILES = {(recipe.name, name): path for recipe in RECIPES.iterdir() for name, path in table_files(recipe).items()}


def printed_folds(table: str, row: str) -> dict[str, dict[str, float | None]] | None:
    """What Tables 3 to 5 of Li and Zhang print for the folds of a row."""
    label, _, count = row.rpartition(", ")
    # The accuracies with wav2vec 2.0 fit 5531 utterances, those without 4490.
    if table not in ("am_resnet/3", "am_resnet/4", "am_resnet/5") or count != ("5531" if "W2V2" in label else "4490"):
        return None
    pairs = zip(SPEAKERS, *FOLDS[label], strict=True)
    return {speaker: {"wa": wa, "uar": uar} for speaker, wa, uar in pairs}


def test_every_table_is_typed_and_no_more():
    assert {key for key in FILES} == {(recipe, name) for recipe, tables in TABLES.items() for name in tables}


@pytest.mark.parametrize(("recipe", "name"), FILES)
def test_numbers_of_every_row_are_those_of_the_paper(recipe, name):
    nodes = {node["name"]: node["paper"] for node in plain(read(FILES[recipe, name]))["rows"]}
    typed = TABLES[recipe][name]
    assert list(nodes) == list(typed)
    for row, (wa, uar) in typed.items():
        paper = dict(nodes[row] or {"wa": None, "uar": None})
        assert (paper.pop("wa"), paper.pop("uar")) == (wa, uar), row
        assert paper.pop("folds", None) == printed_folds(name, row), row
        # What else stands there is recalls by class.
        for recalls in paper.values():
            values = dict(zip(("neutral", "sadness", "anger", "happiness"), RECALLS.get(row, ()), strict=True))
            assert (recipe, name, recalls) == ("IEMOCAP", "sd_caff/3", values), row


@pytest.mark.parametrize(("recipe", "name"), FILES)
def test_what_is_read_of_a_table_is_what_stands_there(recipe, name):
    table = load_table(RECIPES / recipe, name)
    for row in table.rows:
        wa, uar = TABLES[recipe][name][row.name]
        for found, typed in ((row.paper_wa, wa), (row.paper_uar, uar)):
            assert (found is None) == (typed is None) and (
                typed is None or found == pytest.approx(typed / 100, rel=1e-12)
            )
        folds = printed_folds(name, row.name)
        assert (row.name in table.paper_folds) == (folds is not None)
        for fold, scores in (folds or {}).items():
            for found, typed in zip(table.paper_folds[row.name][fold], (scores["wa"], scores["uar"]), strict=True):
                assert (found is None and typed is None) or found == pytest.approx(typed / 100, rel=1e-12)


@each_recipe
def test_the_paper_s_row_of_every_recipe(recipe, system):
    paper = hparams.load_system(recipe, system).paper
    typed = HPARAMS.get((recipe.name, system))
    if typed is None:
        assert paper is None
        return
    table, row, wa, uar = typed
    assert (paper["table"], paper["row"]) == (table, row) and paper.keys() == {"table", "row", "wa", "uar"}
    assert (paper["wa"], paper["uar"]) == (pytest.approx(wa / 100, rel=1e-12), pytest.approx(uar / 100, rel=1e-12))


def test_averages_of_the_printed_folds_are_the_printed_averages_but_for_am_resnet():
    """The paper's own arithmetic: the folds are typed as printed, and it contradicts itself in one row."""
    for label, (wa, uar) in {
        "ResNet": (67.50, 66.56),
        "M-ResNet": (67.88, 67.74),
        "AM-ResNet": (69.14, 67.94),  # printed: 68.87, 67.90
        "+W2V2+FC": (63.74, 65.24),
        "+W2V2+CA": (None, 72.21),
    }.items():
        found = [None if None in scores else round(sum(scores) / 10 + 1e-9, 2) for scores in FOLDS[label]]
        assert found == [wa, uar], label
