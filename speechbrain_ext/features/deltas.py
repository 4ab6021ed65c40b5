"""Deltas of features: slopes of a line through neighbouring values, over time or over coefficients."""

from __future__ import annotations

import torch
from torch import Tensor

WIDTH = 9
AXES = ("time", "coefficient")
# The dynamic inputs of SD-CAFF's Table 1: M = MFCC, D = delta, DD = delta-delta.
DYNAMIC = {name: tuple(name.split("+")) for name in ("M", "D", "DD", "D+DD", "M+D", "M+DD", "M+D+DD")}
PARTS = DYNAMIC["M+D+DD"]


def delta(features: Tensor, axis: str = "time", width: int = WIDTH, lengths: Tensor | None = None) -> Tensor:
    """Slope of the least-squares line through `width` neighbouring values.

    The first and the last `width // 2` values have the slope of the outermost complete line.

    Arguments
    ---------
    features : Tensor
        [batch, coefficient, frame] or [coefficient, frame].
    axis : str
        "time": slopes over frames (the paper); "coefficient": over coefficients (the authors' code).
    width : int
        Odd, at least 3.
    lengths : Tensor, optional
        Frames [batch] that are real; the others become 0 and count for nothing. None: all are.

    Returns
    -------
    Tensor
        Of the same shape.

    Raises
    ------
    ValueError
        There are fewer values than `width` along the axis.

    Source
    ------
    Dong et al., SD-CAFF, equation 1; `librosa.feature.delta` (Savitzky-Golay, order 1, mode interp), whose values
    these are.

    Example
    -------
    >>> delta(2.0 * torch.arange(10.0)[None])[0, :3].tolist()
    [2.0, 2.0, 2.0]
    """
    if axis not in AXES:
        raise ValueError(f"delta axis: expected time or coefficient, found {axis}")
    if width < 3 or width % 2 == 0:
        raise ValueError(f"delta width: expected an odd number of at least 3, found {width}")
    if features.ndim == 2:
        return delta(features[None], axis, width, lengths)[0]
    rows = features if axis == "time" else features.transpose(1, 2)  # [batch, other, along]
    along = rows.shape[2]
    shortest = along if lengths is None or axis == "coefficient" else int(lengths.min())
    if shortest < width:
        raise ValueError(f"deltas of width {width}: expected at least {width} values, found {shortest}")
    half = width // 2
    # Farther pairs weigh more: n (x[t + n] - x[t - n]), over 2 sum n^2.
    slopes = torch.zeros_like(rows[..., half : along - half])  # [batch, other, along - 2 half]
    for n in range(1, half + 1):
        slopes = slopes + n * (rows[..., half + n : along - half + n] - rows[..., half - n : along - half - n])
    slopes = slopes / (2 * sum(n * n for n in range(1, half + 1)))
    place = torch.arange(along, device=rows.device)
    if lengths is None or axis == "coefficient":
        slopes = slopes[..., (place - half).clamp(0, along - width)]  # [batch, other, along]
    else:
        last = lengths.to(rows.device).reshape(-1, 1) - width  # [batch, 1]
        place = torch.minimum((place - half).clamp(min=0)[None], last)  # [batch, along]
        slopes = slopes.gather(2, place[:, None].expand_as(rows))  # [batch, other, along]
    if axis == "coefficient":
        slopes = slopes.transpose(1, 2)  # [batch, coefficient, frame]
    if lengths is None:
        return slopes
    frames = torch.arange(features.shape[2], device=features.device)
    return slopes * (frames < lengths.to(features.device).reshape(-1, 1))[:, None]


def dynamic(
    mfcc: Tensor, parts: str = "M+D+DD", axis: str = "time", width: int = WIDTH, lengths: Tensor | None = None
) -> Tensor:
    """MFCC, deltas and deltas of deltas, those that are asked for, side by side.

    Arguments
    ---------
    mfcc : Tensor
        [batch, coefficient, frame] or [coefficient, frame].
    parts : str
        One of `DYNAMIC`: M, D, DD, D+DD, M+D, M+DD, M+D+DD.
    axis, width, lengths
        As for `delta`.

    Returns
    -------
    Tensor
        [batch, parts * coefficient, frame], or without the batch.

    Source
    ------
    Dong et al., SD-CAFF, equations 1 and 2 and Table 1.

    Example
    -------
    >>> dynamic(torch.zeros(2, 60, 251), "M+D").shape
    torch.Size([2, 120, 251])
    """
    wanted = parts_of(parts)
    found = {"M": mfcc}
    if wanted != ("M",):
        found["D"] = delta(mfcc, axis, width, lengths)
    if "DD" in wanted:
        found["DD"] = delta(found["D"], axis, width, lengths)
    return torch.cat([found[part] for part in wanted], dim=-2)


def select(features: Tensor, parts: str) -> Tensor:
    """Take parts out of features that have all three side by side.

    Arguments
    ---------
    features : Tensor
        [batch, frame, 3 * coefficient], or without the batch: MFCC, deltas, deltas of deltas.
    parts : str
        One of `DYNAMIC`.

    Returns
    -------
    Tensor
        [batch, frame, parts * coefficient].

    Example
    -------
    >>> select(torch.tensor([[1.0, 2.0, 3.0]]), "M+DD").tolist()
    [[1.0, 3.0]]
    """
    blocks = dict(zip(PARTS, features.chunk(3, dim=-1), strict=True))
    return torch.cat([blocks[part] for part in parts_of(parts)], dim=-1)


def parts_of(parts: str) -> tuple[str, ...]:
    """The parts that a name stands for.

    Example
    -------
    >>> parts_of("M+D")
    ('M', 'D')
    """
    if parts not in DYNAMIC:
        raise ValueError(f"dynamic: expected one of {', '.join(DYNAMIC)}, found {parts}")
    return DYNAMIC[parts]
