"""Compares two systems, or several with the first one, on the same utterances, with the speaker as unit."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser
from speechbrain_ext.bin.parsing import path

SYSTEM = (
    "a run folder .../seed-<n>, a folder of several such, a kept result (.json or .csv of recipes/*/results), or a CSV "
    "id,prediction[,p_<class>...] or id,predicted_<dimension>..."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Print what differs between the systems, and how sure that is."""
    parser = command_parser("compare", __doc__)
    parser.add_argument("first", type=path, metavar="A", help=SYSTEM)
    parser.add_argument("others", type=path, metavar="B", nargs="+", help="further systems, each compared with A")
    asked = parser.parse(argv)
    from speechbrain_ext.report.comparison import compare_files

    print(compare_files([asked.first, *asked.others]), end="")


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
