"""Draws t-SNE of kept vectors, on request or beside the results of stage 3; no network is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.analysis.tsne_figure import tsne_figure
from speechbrain_ext.analysis.tsne_runs import counterpart, has_coattention, named_kinds, run_panels
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.pictures import PICTURES, check_pictures

NAME = "tsne"


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
    """Draw the figure from the vectors that stage 3 kept."""
    check_pictures(request.out)
    draw(request.runs, request.out, request.vectors, request.fold)
    for path in request.out:
        print(f"wrote {path}")


def draw(runs: Sequence[Path], paths: Sequence[Path], vectors: Sequence[str] = (), fold: str = "") -> None:
    """Draw the figure of runs into files.

    Raises
    ------
    UserError
        As `speechbrain_ext.analysis.tsne_runs.run_panels` does.
    """
    panels = run_panels(runs, vectors, fold)
    for path in paths:
        tsne_figure(panels, path)


def draw_beside_results(folder: Path, redraw: bool) -> None:
    """Leave the figure beside the results of a run whose network names vectors; say why where it cannot be drawn.

    A run with co-attention is drawn beside the one without it, once both are scored.

    Arguments
    ---------
    folder : Path
        The seed folder.
    redraw : bool
        Also where the files are there.
    """
    if not redraw and all(path.exists() for path in _paths(folder)):
        return
    for path in _paths(folder):
        # One of older vectors must not stay where a new one cannot be drawn.
        path.unlink(missing_ok=True)
    try:
        if not named_kinds(folder):
            return
        other, is_with = counterpart(folder), has_coattention(folder)
        if other is not None and not named_kinds(other):
            other = None
        if other is None or not is_with:
            draw([folder], _paths(folder))
        if other is not None:
            pair = [other, folder] if is_with else [folder, other]
            draw(pair, _paths(pair[1]))
    except UserError as fault:
        # The figure is no result: a run is scored also where it has too few utterances.
        print(f"note: no {NAME}.png: {fault}")


def _paths(folder: Path) -> list[Path]:
    return [folder / f"{NAME}{suffix}" for suffix in PICTURES]
