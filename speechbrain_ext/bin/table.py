"""The papers' tables of all recipes, and which of their rows are kept."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import parse_subcommand

COMMANDS = {"list": ("print the list of all tables, or write it to recipes/README.md", ())}


def main(argv: Sequence[str] | None = None) -> None:
    """List all tables."""
    _, asked = parse_subcommand("table", __doc__, COMMANDS, argv)
    from speechbrain_ext.report.tables.table_list import table_list, write_table_list

    print(f"wrote {write_table_list(asked.recipes)}\n" if asked.write else table_list(asked.recipes), end="")


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
