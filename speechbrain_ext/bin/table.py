"""A paper's table: train what is missing of its rows and print ours beside the paper's; `list`: all tables."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechbrain_ext.bin.options import PRINT_HELP, OptionParser, whole_number
from speechbrain_ext.bin.run_options import chosen_folds, experiments, run_parser
from speechbrain_ext.report.tables.table_keys import COLUMNS, LATEX_COLUMNS
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.repository import RECIPES

if TYPE_CHECKING:
    from speechbrain_ext.training.paper_tables import Table

FIRST, LAST = 1, 3


def parser() -> OptionParser:
    """Build the command line of a table."""
    options = run_parser(f"{__doc__[:-1]} (see `list --help`).", "table")
    for action in options._actions:
        # The table names its systems.
        if action.dest == "system":
            action.required = False
    add = options.add_argument
    add(
        "--stage",
        type=whole_number(FIRST),
        default=FIRST,
        metavar="N",
        help="first stage: 1 features, 2 train, 3 score",
    )
    add("--stop-stage", type=whole_number(FIRST), default=LAST, metavar="N", help="last stage (default: 3)")
    add(
        "--columns",
        type=_columns,
        default=LATEX_COLUMNS,
        metavar="LIST",
        help=f"columns of the LaTeX table, of {', '.join(COLUMNS)} (default: {', '.join(LATEX_COLUMNS)})",
    )
    add("--paper", action="store_true", help=PRINT_HELP)
    add("--dry-run", action="store_true", help="print the trainings, what is reused, and the hours; do nothing")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Run a table, or list all of them.

    Arguments
    ---------
    argv : sequence of str
        The command line; by default the process's own.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["list"]:
        _list(words[1:])
        return
    args = parser().parse_args(words)
    if not args.table:
        raise UsageError(
            "--table is missing: name one, such as amsnet/5; all: python -m speechbrain_ext.bin.table list"
        )
    if args.folds or args.row:
        raise UsageError("--folds and --row do not go with a table: its rows are scored on all folds")
    from speechbrain_ext.training.paper_tables import load_table

    if args.dry_run:
        from speechbrain_ext.bin.plan import print_plan

        print_plan(args)
        return
    table = load_table(args.recipe, args.table)
    rows = [argparse.Namespace(**{**vars(args), "row": row.name}) for row in table.rows]
    _run(table, args, rows)
    if args.stop_stage >= LAST:
        _write(table, rows, args)


def _list(words: list[str]) -> None:
    options = OptionParser(prog="python -m speechbrain_ext.bin.table list", description="All tables and kept rows.")
    options.add_argument("--write", action="store_true", help="write recipes/README.md instead of printing it")
    options.add_argument("--recipes", type=Path, default=RECIPES, metavar="DIR", help="the folder of all recipes")
    args = options.parse_args(words)
    from speechbrain_ext.report.tables.table_list import table_list, write_table_list

    print(f"wrote {write_table_list(args.recipes)}" if args.write else table_list(args.recipes), end="")
    print()


def _run(table: Table, args: argparse.Namespace, rows: list[argparse.Namespace]) -> None:
    from speechbrain_ext.bin.evaluate import evaluate
    from speechbrain_ext.bin.extract import extract_features
    from speechbrain_ext.bin.train import train
    from speechbrain_ext.training.system_build import check_system

    stages = [extract_features, train, evaluate][args.stage - FIRST : args.stop_stage - FIRST + 1]
    for row in rows:
        # Every row is built before the first is trained.
        check_system(experiments(row)[0].hp)
    if args.force and train in stages:
        _forget(rows)
    for number, (row, known) in enumerate(zip(rows, table.rows, strict=True), 1):
        print(f"row {number} of {len(rows)}: {known.name} ({known.folder})", flush=True)
        for stage in stages:
            # What --force redoes is forgotten already: a row must not redo a phase that it shares.
            force = args.force and stage is evaluate
            stage(argparse.Namespace(**{**vars(row), "force": force}))


def _forget(rows: list[argparse.Namespace]) -> None:
    from speechbrain_ext.bin.train import forget
    from speechbrain_ext.utils.files import folder_lock

    for row in rows:
        for run in experiments(row):
            with folder_lock(run.seed_folder, row.wait):
                forget(run, chosen_folds(row, run), row.wait)


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(text.replace(",", " ").split())
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"columns: {', '.join(COLUMNS)}"
            raise argparse.ArgumentTypeError(f"{name}: expected each column once, of those that there are: {hint}")
    return names or LATEX_COLUMNS


def _write(table: Table, rows: list[argparse.Namespace], args: argparse.Namespace) -> None:
    from functools import partial

    from speechbrain_ext.evaluation.results_files import read_results
    from speechbrain_ext.report.figures.drawing import draw_file, draw_print
    from speechbrain_ext.report.figures.figures import build_confusion
    from speechbrain_ext.report.figures.table_figure import build_table_figure
    from speechbrain_ext.report.tables.table_text import csv_text, latex, markdown
    from speechbrain_ext.report.tables.tables import fill
    from speechbrain_ext.utils.files import write_text

    runs = [experiments(row) for row in rows]
    results = [[read_results(run.seed_folder / "results.json") for run in seeds] for seeds in runs]
    filled = fill(table, results)
    place = runs[0][0].corpus_folder / "tables" / f"{table.path.stem}.{_protocols(runs)}"
    marks = [mark for mark in ("" if rows[0].preset == "paper" else rows[0].preset, rows[0].tag) if mark]
    if marks:
        place = place.with_name(f"{table.path.stem}.{'.'.join(marks)}.{_protocols(runs)}")
    for kind, write in (("md", markdown), ("tex", partial(latex, keys=args.columns)), ("csv", csv_text)):
        write_text(f"{place}.{kind}", write(filled))
    drawn = (build_confusion, results[0][0]) if table.figure == "confusion" else (build_table_figure, filled)
    for kind in ("png", "pdf"):
        draw_file(f"{place}.{kind}", *drawn)
    for_paper = [path.name.removeprefix(place.name) for path in draw_print(place, *drawn)] if args.paper else []
    print(markdown(filled))
    print(f"wrote {place}{', '.join(['.md', '.tex', '.csv', '.png', '.pdf', *for_paper])}")


def _protocols(runs: list[list[Any]]) -> str:
    """The rows' protocol as in their folders, `paper` where rows have different ones."""
    names = {seeds[0].seed_folder.parent.name for seeds in runs}
    return names.pop() if len(names) == 1 else "paper"


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
