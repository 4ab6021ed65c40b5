"""Further figures of a run for its report: silence in a network with masks, and t-SNE of the vectors that it names."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.analysis.tsne_figure import build_tsne
from speechbrain_ext.analysis.tsne_runs import counterpart, has_coattention, named_kinds, run_panels
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.report.figures.run_figures import NothingToDraw, RunFigure
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_file, sha256_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from speechbrain_ext.analysis.mask_maps import MaskMaps
    from speechbrain_ext.analysis.tsne_figure import Panel


def network_figures(folder: Path, results: Results) -> list[RunFigure]:
    """List the figures that look inside the network of a run, as `write_report` takes them.

    Arguments
    ---------
    folder : Path
        The seed folder.
    results : Results
    """
    return [figure for figure in (_silence(folder, results), _tsne(folder, results)) if figure]


def _silence(folder: Path, results: Results) -> RunFigure | None:
    """The figure of silence, of networks with masks."""
    if results.madd_zero_share is None:
        # No phase reads a waveform after MADD: torch need not be loaded to know.
        return None

    @cache
    def maps() -> MaskMaps:
        from speechbrain_ext.analysis.mask_runs import carries_masks, load_run, mask_maps
        from speechbrain_ext.training.fold import torch_settings

        run = load_run(folder)
        if not carries_masks(run):
            raise NothingToDraw
        with torch_settings(run.spec.threads):
            return mask_maps(run)

    def build() -> Figure:
        from speechbrain_ext.analysis.mask_figure import build_mask_figure

        return build_mask_figure(maps(), results)

    return RunFigure("silence", sha256_file(folder / "results.json"), build)


def _tsne(folder: Path, results: Results) -> RunFigure | None:
    """The figure of vectors, of networks that name some; a run with co-attention next to the one without it."""
    try:
        if not named_kinds(folder):
            return None
        runs = [folder]
        other = counterpart(folder) if has_coattention(results) else None
        if other is not None and named_kinds(other):
            runs = [other, folder]
    except UserError as fault:
        print(f"note: no tsne.png: {fault}", flush=True)
        return None

    @cache
    def panels() -> list[list[Panel]]:
        return run_panels(runs)

    made_from = sha256_json([sha256_file(run / "results.json") for run in runs])
    return RunFigure("tsne", made_from, lambda: build_tsne(panels()))
