"""Draw what a trained mask residual network makes of silence: the AM-ResNet paper's figure 4 from a real utterance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.options import OptionParser, check_pictures
from speechbrain_ext.bin.run_options import print_trusted

if TYPE_CHECKING:
    from speechbrain_ext.training.experiment import Experiment


def parser() -> OptionParser:
    """Build the command line."""
    top = OptionParser(prog="python -m speechbrain_ext.bin.mask_figure", description=__doc__)
    top.add_argument(
        "--run",
        required=True,
        type=Path,
        metavar="DIR",
        help="the seed folder, exp/.../seed-<n>",
    )
    top.add_argument(
        "--utterance",
        default="",
        metavar="ID",
        help="default: of the fold's tested ones that with the largest share of silence between sounds",
    )
    top.add_argument("--fold", default="", metavar="NAME", help="whose weights (default: the first trained one)")
    top.add_argument("--out", required=True, type=Path, action="append", metavar="FILE", help=".png or .pdf; again")
    top.add_argument(
        "--trust", action="store_true", help="run the code that the run's YAML names, where it is not this repository's"
    )
    top.add_argument("--cache", default="", metavar="DIR", help="the features' cache (default: the one of the run)")
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the figure and print the share of zeros in silence by stage.

    Arguments
    ---------
    argv : sequence of str
        The command line; by default the process's own.
    """
    options = parser().parse_args(argv)
    check_pictures(options.out)
    from speechbrain_ext.analysis.mask_runs import load_run

    run = load_run(options.run, options.cache, options.trust)
    print_trusted(run.hp.trusted)
    print(draw(run, options.out, options.utterance, options.fold))
    for path in options.out:
        print(f"wrote {path}")


def draw(run: Experiment, paths: Sequence[Path], utterance: str = "", fold: str = "") -> str:
    """Draw the figure of a run into files and say in text what it shows.

    Raises
    ------
    UserError
        As `speechbrain_ext.analysis.mask_runs.mask_maps` does.
    """
    from speechbrain_ext.analysis.mask_figure import build_mask_figure, zeros_text
    from speechbrain_ext.analysis.mask_runs import mask_maps
    from speechbrain_ext.evaluation.provenance import identity_of
    from speechbrain_ext.report.figures.drawing import draw_file
    from speechbrain_ext.training.fold import torch_settings

    with torch_settings(run.spec.threads):
        maps = mask_maps(run, utterance, fold)
    for path in paths:
        draw_file(path, build_mask_figure, maps, identity_of(run))
    return f"fold {maps.fold}, utterance {maps.utterance}, from {maps.start_s:.2f} s\n{zeros_text(maps.stages)}"


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run as guarded

    guarded(main)
