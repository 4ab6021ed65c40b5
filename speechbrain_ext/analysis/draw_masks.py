"""Draws the mask figure of a run into files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.analysis.mask_figure import build_mask_figure, zeros_text
from speechbrain_ext.analysis.mask_runs import load_run, mask_maps
from speechbrain_ext.evaluation.provenance import identity_of
from speechbrain_ext.report.figures.drawing import draw_file
from speechbrain_ext.training.fold import torch_settings
from speechbrain_ext.training.run_request import print_trusted
from speechbrain_ext.utils.pictures import check_pictures


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
    """Draw the figure of a run, and print the share of zeros in silence by stage of the network.

    Raises
    ------
    UserError
        As `speechbrain_ext.analysis.mask_runs.mask_maps` does.
    """
    check_pictures(request.out)
    run = load_run(request.run, request.cache, request.trust)
    print_trusted(run.hp.trusted)
    with torch_settings(run.spec.threads):
        maps = mask_maps(run, request.utterance, request.fold)
    for path in request.out:
        draw_file(path, build_mask_figure, maps, identity_of(run))
    print(f"fold {maps.fold}, utterance {maps.utterance}, from {maps.start_s:.2f} s\n{zeros_text(maps.stages)}")
    for path in request.out:
        print(f"wrote {path}")
