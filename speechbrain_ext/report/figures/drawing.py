"""What all figures share: style, colours, the watermark, and files that are the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from speechbrain_ext.utils.files import replacing

DPI = 144
# A page that has to draw for itself holds many figures: smaller ones keep it light.
PAGE_DPI = 110
# As wide as a phone still shows legibly.
WIDTH_IN = 6.4
WATERMARK = "mini corpus: synthetic"
STYLE: dict[Any, Any] = {
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
# Blue, vermilion and sky blue of Okabe and Ito, "Color Universal Design", 2008: safe for all kinds of colour vision.
LINE = "#0072b2"
DEV_LINE = "#d55e00"
BAR = "#56b4e9"
# A column and a page of a two-column paper.
PRINT_WIDTHS_IN = {"3.4in": 3.4, "7in": 7.0}
PRINT_POINTS = 8
_PRINT_WIDTH: ContextVar[float | None] = ContextVar("print_width", default=None)


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


def draw_print(stem: str | Path, build: Callable[..., Figure], *arguments: Any) -> list[Path]:
    """Draw a figure for a paper: a PDF a width, without a title, all text in 8 points, fonts embedded.

    Arguments
    ---------
    stem : str or Path
        The file without its ending: `.3.4in.pdf` and `.7in.pdf` are added.
    build : callable
        Makes the figure from the arguments.
    *arguments
        What it is made from.

    Returns
    -------
    paths : list of Path
    """
    paths = []
    for name, width in PRINT_WIDTHS_IN.items():
        path = Path(f"{stem}.{name}.pdf")
        token = _PRINT_WIDTH.set(width)
        try:
            with matplotlib.rc_context({**STYLE, "font.size": PRINT_POINTS}), replacing(path, "wb") as stream:
                figure = build(*arguments)
                for text in figure.findobj(Text):
                    if text.get_gid() != WATERMARK:
                        text.set_fontsize(PRINT_POINTS)
                _write(figure, stream, "pdf", DPI)
        finally:
            _PRINT_WIDTH.reset(token)
        paths.append(path)
    return paths


def is_print() -> bool:
    """Whether a figure for a paper is being built."""
    return _PRINT_WIDTH.get() is not None


def is_narrow() -> bool:
    """Whether a figure for one column of a paper is being built."""
    return (_PRINT_WIDTH.get() or WIDTH_IN) < 5


def new_figure(width_in: float, height_in: float, in_rows: bool = False) -> Figure:
    """Make an empty figure; for a paper as wide as asked for, and lower in proportion.

    Arguments
    ---------
    width_in, height_in : float
        Size on the page and in the files of stage 3.
    in_rows : bool
        The height is that of rows of text, which stay as high whatever the width is.
    """
    width = _PRINT_WIDTH.get()
    if width is None:
        return Figure(figsize=(width_in, height_in), layout="constrained")
    scale = PRINT_POINTS / 10 if in_rows else width / width_in
    return Figure(figsize=(width, max(1.5, scale * height_in)), layout="constrained")


def set_title(figure: Figure, title: str, size: float = 10) -> None:
    """Write the title of a figure; a figure for a paper has a caption in its place."""
    if not is_print():
        figure.suptitle(title, fontsize=size)


def frame(axes: Axes, colour: str = SOFT) -> None:
    """Draw a thin line around axes."""
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(colour)
    axes.spines[:].set_linewidth(0.5)


def labelled(panels: Iterable[Axes]) -> dict[str, Artist]:
    """What a legend of several panels shows: a handle for each label."""
    return {name: handle for axes in panels for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}


def png_bytes(build: Callable[..., Figure], *arguments: Any) -> bytes:
    """Draw a figure as the bytes of a PNG for a page."""
    stream = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        _write(build(*arguments), stream, "png", PAGE_DPI)
    return stream.getvalue()


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
        place: dict[str, Any] = {"ha": "center", "va": "center", "rotation": 28, "zorder": -1 if is_behind else 9}
        size = 16 if is_narrow() else 30
        figure.text(0.5, 0.45, WATERMARK, fontsize=size, color="#b00020", alpha=0.25, gid=WATERMARK, **place)


def _write(figure: Figure, stream: BinaryIO, kind: str, dpi: int) -> None:
    if kind != "png":
        figure.savefig(stream, format=kind, dpi=dpi, metadata=METADATA[kind])
        return
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, dpi=dpi, metadata=METADATA[kind])
    # A palette takes a third of the bytes: a page holds four figures of each run.
    Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(stream, kind, optimize=True)
