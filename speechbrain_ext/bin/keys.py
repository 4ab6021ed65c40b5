"""Print a system's hyper-parameters: each key with value, type, meaning and source; run.sh -- --help calls it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.bin.options import OptionParser


def parser() -> OptionParser:
    """Build the command line."""
    options = OptionParser(prog="python -m speechbrain_ext.bin.keys", description=__doc__)
    add = options.add_argument
    add("--recipe", required=True, type=Path, metavar="DIR", help="a recipe's folder, e.g. recipes/EmoDB")
    add(
        "--system",
        required=True,
        metavar="NAME",
        help="a system of recipes/shared/systems or of the recipe's hparams",
    )
    add("--preset", default="paper", metavar="NAME", help="the preset whose values are shown (default: paper)")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Print the listing; no corpus is read and nothing is built.

    Arguments
    ---------
    argv : sequence of str
        The command line; by default the process's own.
    """
    asked = parser().parse_args(argv)
    from speechbrain_ext.hparams import load
    from speechbrain_ext.hparams.key_listing import list_keys

    # Its code is not run here, so that it needs no trust.
    hp = load(asked.recipe, asked.system, preset=asked.preset, trust=True)
    print(list_keys(hp, asked.preset))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
