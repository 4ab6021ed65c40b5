"""The report page of a corpus, and the kept results of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.bin.options import PRINT_HELP, OptionParser, folder
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.repository import RECIPES


def parser() -> OptionParser:
    """Build the command line."""
    top = OptionParser(prog="python -m speechbrain_ext.bin.report", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    page = commands.add_parser("page", help="write report.html from all results of a corpus (stage 4)")
    page.add_argument("--exp", type=folder, required=True, help="the folder exp/<CORPUS>-<source>")
    page.add_argument("--out", type=folder, required=True, help="the page to write")
    page.add_argument("--paper", action="store_true", help=f"{PRINT_HELP}, in a folder `paper` of each run")
    keep = commands.add_parser("keep", help="keep the result of one seed in the recipe; generate RESULTS.md anew")
    keep.add_argument("exp", type=folder, help="the folder .../seed-<n> with results.json")
    keep.add_argument("--recipe", type=folder, help="the recipe's folder (default: the one named as the corpus)")
    table = commands.add_parser("results-md", help="generate RESULTS.md anew from the kept results")
    table.add_argument("recipe", type=folder, help="the recipe's folder")
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Run one subcommand.

    Arguments
    ---------
    argv : sequence of str
        The command line; by default the process's own.
    """
    options = parser().parse_args(argv)
    if options.command == "page":
        from speechbrain_ext.analysis.run_figures import network_figures
        from speechbrain_ext.report.page import write_print_figures, write_report

        write_report(options.exp, options.out, network_figures)
        print(f"wrote {options.out}")
        if options.paper:
            drawn = write_print_figures(options.exp)
            print(f"drew {len(drawn)} figures for a paper below {options.exp}, in folders `paper`")
    elif options.command == "keep":
        from speechbrain_ext.report.results_md import keep

        recipe = _existing(options.recipe) if options.recipe else _recipe(options.exp)
        print(f"kept {keep(options.exp, recipe)}")
        if recipe.resolve().parent == RECIPES:
            from speechbrain_ext.report.tables.table_list import write_table_list

            print(f"wrote {write_table_list(RECIPES)}")
    else:
        from speechbrain_ext.report.results_md import RESULTS_PAGE, write_results_md

        write_results_md(_existing(options.recipe))
        print(f"wrote {options.recipe / RESULTS_PAGE}")


def _recipe(exp: Path) -> Path:
    from speechbrain_ext.evaluation.results_files import read_results

    return _existing(RECIPES / read_results(exp / "results.json").corpus)


def _existing(recipe: Path) -> Path:
    if not recipe.is_dir():
        raise UserError(f"--recipe {recipe}: expected a recipe's folder, found none: name it with --recipe DIR")
    return recipe


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
