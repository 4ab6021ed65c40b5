"""What all figures share: style, colours, the watermark, and files that are the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from speechbrain_ext.files import replacing
from speechbrain_ext.report.cards import corpus_name, protocol_name

DPI = 144
# A page that has to draw for itself holds many figures: smaller ones keep it light.
PAGE_DPI = 110
# As wide as a phone still shows legibly.
WIDTH_IN = 6.4
WATERMARK = "mini corpus: synthetic"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,
    "savefig.facecolor": "white",
}
# Dates would make two files of the same content differ.
METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
COLOURS = 192
INK = "#16202a"
SOFT = "#56616c"
LINE = "#1f5a8a"
DEV_LINE = "#c0561f"
BAR = "#8fbbdd"


def draw_file(path: str | Path, build: Callable[..., Figure], *arguments: Any) -> None:
    """Draw a figure into a file.

    Arguments
    ---------
    path : str or Path
        The file, .png or .pdf.
    build : callable
        Makes the figure from the arguments.
    *arguments
        What it is made from.

    Raises
    ------
    ValueError
        The name ends otherwise.
    """
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in METADATA:
        raise ValueError(f"{path}: expected a name that ends with .png or .pdf, found {kind!r}")
    with matplotlib.rc_context(STYLE), replacing(path, "wb") as stream:
        _write(build(*arguments), stream, kind, DPI)


def png_bytes(build: Callable[..., Figure], *arguments: Any) -> bytes:
    """Draw a figure as the bytes of a PNG for a page."""
    stream = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        _write(build(*arguments), stream, "png", PAGE_DPI)
    return stream.getvalue()


def run_name(results: dict[str, Any]) -> str:
    """Name the system, and the row where it is not the default one.

    Example
    -------
    >>> run_name({"system": "amsnet", "row": "default"}), run_name({"system": "amsnet", "row": "urlm"})
    ('amsnet', 'amsnet, urlm')
    """
    return results["system"] if results["row"] == "default" else f"{results['system']}, {results['row']}"


def run_title(results: dict[str, Any]) -> str:
    """Say in two lines what was run and on what."""
    return f"{run_name(results)}: {protocol_name(results)}\n{corpus_name(results)}, seed {results['seed']}"


def draw_watermark(figure: Figure, source: str, is_behind: bool = False) -> None:
    """Mark a figure of the mini corpus; leave others as they are.

    Arguments
    ---------
    figure : Figure
        The figure.
    source : str
        "mini" or "real".
    is_behind : bool
        Lay the mark under lines and text; where areas fill the axes it must lie above them to be seen.
    """
    if source == "mini":
        if is_behind:
            for axes in figure.axes:
                axes.patch.set_visible(False)
        place = {"ha": "center", "va": "center", "rotation": 28, "zorder": -1 if is_behind else 9}
        figure.text(0.5, 0.45, WATERMARK, fontsize=30, color="#b00020", alpha=0.25, **place)


def _write(figure: Figure, stream: BinaryIO, kind: str, dpi: int) -> None:
    if kind != "png":
        figure.savefig(stream, format=kind, dpi=dpi, metadata=METADATA[kind])
        return
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, dpi=dpi, metadata=METADATA[kind])
    # A palette takes a third of the bytes: a page holds four figures of each run.
    Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(stream, kind, optimize=True)
