"""Draw what a trained mask residual network makes of silence: the AM-ResNet paper's figure 4 from a real utterance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.options import PICTURES, OptionParser, check_pictures
from speechbrain_ext.bin.run_options import print_trusted
from speechbrain_ext.utils.errors import UserError

if TYPE_CHECKING:
    from speechbrain_ext.training.experiment import Experiment

NAME = "silence"


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
    from speechbrain_ext.analysis.mask_figure import mask_figure, zeros_text
    from speechbrain_ext.analysis.mask_runs import mask_maps
    from speechbrain_ext.training.fold import torch_settings

    with torch_settings(run.spec.threads):
        maps = mask_maps(run, utterance, fold)
    known = {key: run.manifest[key] for key in ("corpus", "source", "edition")}
    facts = {**known, "system": run.hp.system_name, "row": run.spec.row}
    for path in paths:
        mask_figure(maps, facts, path)
    return f"fold {maps.fold}, utterance {maps.utterance}, from {maps.start_s:.2f} s\n{zeros_text(maps.stages)}"


def draw_beside_results(run: Experiment, redraw: bool) -> None:
    """Leave the figure beside the results of a run whose network carries masks; say why where it cannot be drawn.

    Arguments
    ---------
    run : Experiment
    redraw : bool
        Also where the files are there.
    """
    from speechbrain_ext.analysis.mask_runs import carries_masks, on_cpu
    from speechbrain_ext.training.experiment import Experiment

    paths = [run.seed_folder / f"{NAME}{suffix}" for suffix in PICTURES]
    if not carries_masks(run) or (not redraw and all(path.exists() for path in paths)):
        return
    try:
        draw(Experiment(on_cpu(run.spec)), paths)
    except UserError as fault:
        # The figure is no result: a run is scored also where the audio is no more.
        print(f"note: no {NAME}.png: {fault}")


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run as guarded

    guarded(main)
