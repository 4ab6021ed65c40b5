"""Draws t-SNE of the vectors of runs into files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.analysis.tsne_figure import build_tsne
from speechbrain_ext.analysis.tsne_runs import run_panels
from speechbrain_ext.report.figures.drawing import draw_file
from speechbrain_ext.utils.pictures import check_pictures


@dataclass(frozen=True)
class TsneRequest:
    """Which vectors are drawn.

    Attributes
    ----------
    runs : tuple of Path
        Seed folders.
    out : tuple of Path
        Files to write, .png or .pdf.
    vectors : tuple of str
        Names of vectors; empty for all that the network names.
    fold : str
        Name of a fold, or all; "" for each run's first.
    """

    runs: tuple[Path, ...]
    out: tuple[Path, ...]
    vectors: tuple[str, ...] = ()
    fold: str = ""


def draw_tsne(request: TsneRequest) -> None:
    """Draw the figure from the vectors that stage 3 kept; no network is run.

    Raises
    ------
    UserError
        As `speechbrain_ext.analysis.tsne_runs.run_panels` does.
    """
    check_pictures(request.out)
    panels = run_panels(request.runs, request.vectors, request.fold)
    for path in request.out:
        draw_file(path, build_tsne, panels)
        print(f"wrote {path}")
