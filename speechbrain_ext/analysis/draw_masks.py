"""Draws the mask figure of a run, on request or beside the results of stage 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.analysis.mask_figure import mask_figure, zeros_text
from speechbrain_ext.analysis.mask_runs import carries_masks, load_run, mask_maps, on_cpu
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import torch_settings
from speechbrain_ext.training.run_request import print_trusted
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.pictures import PICTURES, check_pictures

NAME = "silence"


@dataclass(frozen=True)
class MaskRequest:
    """Which masks are drawn.

    Attributes
    ----------
    run : Path
        The seed folder.
    out : tuple of Path
        Files to write, .png or .pdf.
    utterance, fold : str
        "" chooses: of the first trained fold, the tested utterance with the largest share of silence between sounds.
    cache : str
        The features' cache; "" for that of the run.
    trust : bool
        Whether the code may run that the run's YAML names.
    """

    run: Path
    out: tuple[Path, ...]
    utterance: str = ""
    fold: str = ""
    cache: str = ""
    trust: bool = False


def draw_masks(request: MaskRequest) -> None:
    """Draw the figure of a run, and print the share of zeros in silence by stage of the network."""
    check_pictures(request.out)
    run = load_run(request.run, request.cache, request.trust)
    print_trusted(run.hp.trusted)
    print(draw(run, request.out, request.utterance, request.fold))
    for path in request.out:
        print(f"wrote {path}")


def draw(run: Experiment, paths: Sequence[Path], utterance: str = "", fold: str = "") -> str:
    """Draw the figure of a run into files and say in text what it shows.

    Raises
    ------
    UserError
        As `speechbrain_ext.analysis.mask_runs.mask_maps` does.
    """
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
    paths = [run.seed_folder / f"{NAME}{suffix}" for suffix in PICTURES]
    if not carries_masks(run) or (not redraw and all(path.exists() for path in paths)):
        return
    try:
        draw(Experiment(on_cpu(run.spec)), paths)
    except UserError as fault:
        # The figure is no result: a run is scored also where the audio is no more.
        print(f"note: no {NAME}.png: {fault}")
