"""The report page of a corpus, and the kept results of a recipe."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.corpus_places import SHARED
from speechbrain_ext.bin.options import parse_subcommand

COMMANDS = {
    "page": ("write report.html from all results of a corpus (stage 4)", ("exp", "out")),
    "keep": ("keep the result of one seed in the recipe; generate RESULTS.md again", ()),
    "recompute": ("compute the intervals of the kept results again; generate RESULTS.md again", ()),
    "results-md": ("generate RESULTS.md again from the kept results", ()),
    "keep-matrix": ("keep a matrix across corpora; generate recipes/shared/CROSS_CORPUS.md again", ("name",)),
    "cross-corpus-md": ("generate recipes/shared/CROSS_CORPUS.md again from the kept matrices", ()),
}
PLACES = {
    "keep": "the folder .../seed-<n> with results.json",
    "recompute": "the recipe's folder",
    "results-md": "the recipe's folder",
    "keep-matrix": "the folder of matrix.json",
    "cross-corpus-md": "the folder recipes/shared",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one subcommand."""
    command, asked = parse_subcommand("report", __doc__, COMMANDS, argv, PLACES)
    if command == "page":
        from speechbrain_ext.stages import report

        report(asked.exp, asked.out[-1], asked.paper)
    elif command == "keep":
        from speechbrain_ext.report.kept import keep_result

        keep_result(asked.place, asked.recipe)
    elif command == "recompute":
        from speechbrain_ext.report.kept import recompute_results

        recompute_results(asked.place)
    elif command == "keep-matrix":
        from speechbrain_ext.report.cross_corpus.kept import keep_matrix

        print(f"kept {keep_matrix(asked.place, asked.name, SHARED)}")
    elif command == "cross-corpus-md":
        from speechbrain_ext.report.cross_corpus.kept import write_cross_corpus_page

        print(f"wrote {write_cross_corpus_page(asked.place)}")
    else:
        from speechbrain_ext.report.kept import generate_results_md

        generate_results_md(asked.place)


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
