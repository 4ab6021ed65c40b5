"""The row of a table that its other rows are compared with."""

from __future__ import annotations

from speechbrain_ext import hparams
from speechbrain_ext.training.paper_tables import Table, TableRow
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.nearest import suggestion


def reference_row(table: Table, name: str = "") -> TableRow:
    """Choose the row that the others are compared with.

    Arguments
    ---------
    table : Table
    name : str
        The row asked for; "" for the first one with the settings of the preset of the table's system, or else the first
        one with those of its own system's preset, or else the first one.

    Raises
    ------
    UsageError
        There is no row of this name; the nearest is named.
    """
    if name:
        for row in table.rows:
            if row.name == name:
                return row
        names = [row.name for row in table.rows]
        raise UsageError(f"--reference {name}: {suggestion(name, names, f'rows of {table.id}')}")
    presets = [row for row in table.rows if _is_preset(table, row)]
    own = [row for row in presets if row.system == table.system]
    return (own or presets or list(table.rows))[0]


def _is_preset(table: Table, row: TableRow) -> bool:
    """Whether a row changes nothing of its system's preset."""
    recipe = table.path.parent.parent
    # Only values are read, nothing is built.
    changed, preset = (
        hparams.load_system(recipe, row.system, hparams.parse_overrides(list(words)), trust=True)
        for words in (row.words, ())
    )
    return changed.plain() == preset.plain() and changed.task == preset.task
