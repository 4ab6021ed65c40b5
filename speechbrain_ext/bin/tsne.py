"""Draw t-SNE of what trained networks make of the tested utterances: the CA-MSER paper's figure 2 from real runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.bin.options import OptionParser, check_pictures


def parser() -> OptionParser:
    """Build the command line."""
    top = OptionParser(prog="python -m speechbrain_ext.bin.tsne", description=__doc__)
    top.add_argument(
        "--run",
        required=True,
        type=Path,
        action="append",
        metavar="DIR",
        help="the seed folder, exp/.../seed-<n>; again for a run beside it, such as one without co-attention",
    )
    top.add_argument(
        "--fold",
        default="",
        metavar="NAME",
        help="whose tested utterances, all for all folds (default: each run's first; each fold has its own space)",
    )
    top.add_argument(
        "--vectors",
        default=[],
        action="append",
        metavar="NAME",
        help="embedding, or a name that the network gives, such as w2e or fused; again (default: all named ones)",
    )
    top.add_argument("--out", required=True, type=Path, action="append", metavar="FILE", help=".png or .pdf; again")
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the figure from the vectors that stage 3 kept; no network is run.

    Arguments
    ---------
    argv : sequence of str
        The command line; by default the process's own.
    """
    options = parser().parse_args(argv)
    check_pictures(options.out)
    draw(options.run, options.out, options.vectors, options.fold)
    for path in options.out:
        print(f"wrote {path}")


def draw(runs: Sequence[Path], paths: Sequence[Path], vectors: Sequence[str] = (), fold: str = "") -> None:
    """Draw the figure of runs into files.

    Raises
    ------
    UserError
        As `speechbrain_ext.analysis.tsne_runs.run_panels` does.
    """
    from speechbrain_ext.analysis.tsne_figure import build_tsne
    from speechbrain_ext.analysis.tsne_runs import run_panels
    from speechbrain_ext.report.figures.drawing import draw_file

    panels = run_panels(runs, vectors, fold)
    for path in paths:
        draw_file(path, build_tsne, panels)


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run as guarded

    guarded(main)
