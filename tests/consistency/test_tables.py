"""Every table of a recipe loads, and the list of tables is what its files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechbrain_ext import hparams
from speechbrain_ext.report.table_list import COMMAND, PAGE, table_list
from speechbrain_ext.tables import load_table, table_files

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TABLES = [(path.parent, name) for path in sorted(RECIPES.glob("*/tables")) for name in table_files(path.parent)]


@pytest.mark.parametrize(("recipe", "identity"), TABLES, ids=lambda value: getattr(value, "name", value))
def test_every_row_is_another_run_of_its_system(recipe, identity):
    table = load_table(recipe, identity)
    made = {}
    for row in table.rows:
        words = hparams.parse_overrides(list(row.words))
        loaded = hparams.load(recipe / "hparams" / f"{row.system}.yaml", words)
        assert loaded.tree["variant"] == row.variant
        assert {key: loaded.tree[key] for key in row.overrides} == row.overrides
        made.setdefault((row.system, row.protocol, loaded.sha256()), []).append(row.name)
    assert all(len(names) == 1 for names in made.values()), made


def test_tables_of_amsnet_on_emodb_are_whole():
    rows = {name: load_table(RECIPES / "EmoDB", name).rows for name in table_files(RECIPES / "EmoDB")}
    numbers = {name: [(row.paper_wa, row.paper_uar) for row in found] for name, found in rows.items()}
    assert numbers["amsnet/2"] == [(0.8834, 0.8856)]
    assert [pair[0] for pair in numbers["amsnet/3"]] == [0.8794, 0.8832, 0.8859, 0.8854, 0.8842]
    assert [row.overrides["reduction"] for row in rows["amsnet/3"]] == [2, 4, 8, 16, 32]
    assert [row.variant for row in rows["amsnet/5"]] == ["early", "frlm", "urlm", "concat", "full"]
    for name in ("amsnet/figure4", "amsnet/figure6", "amsnet/figure7"):
        assert set(numbers[name]) == {(None, None)}, "a plot is never read off"


def test_the_list_of_tables_is_what_the_files_say():
    assert (RECIPES / PAGE).read_bytes() == table_list(RECIPES).encode("utf-8"), f"make it with: {COMMAND}"
