"""What every feature extractor offers: a name, its parameters, and one utterance in, frames out."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from speechbrain_ext.features.signal import SignalChanges
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_json
from speechbrain_ext.utils.json_values import JsonObject


class Extractor(ABC):
    """A function from a signal to frames whose identity can be written down.

    A subclass is built from plain keyword arguments, keeps them in `params`
    and hands them to this constructor; it is then pickled by its arguments.

    Arguments
    ---------
    params : dict
        The keyword arguments that build this extractor, JSON-able.
    """

    name: str
    version: int
    dim: int
    hop_s: float  # 0: rows are no frames in time, so they are never cut or filled
    normalised = True  # whether training brings each dimension to mean 0 and deviation 1 over all rows
    zero_is_silence = False  # whether a row of zeros is silence, so that a segment of such rows holds no speech
    segment_rows = 0  # rows of a segment, where the extractor cuts segments itself
    pretrained = False  # whether a pretrained model computes it, which only stage 1 may fetch
    reports_facts = False  # whether `cached_facts` gives any
    sample_rate_hz = 16000
    package = ""  # the installed package that computes it; "" for this repository
    column = "sample"  # name of a dimension, numbered where there are several
    changes = SignalChanges()  # what is done to a signal before it is computed

    def __init__(self, **params: Any) -> None:
        self.params = params

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(type(self), **self.params), (), {"changes": self.changes} if self.changes else None

    def after(self, changes: SignalChanges) -> Extractor:
        """Take the feature of changed signals; gives this extractor."""
        self.changes = changes
        return self

    def prepare(self, signal: np.ndarray) -> np.ndarray:
        """Change a signal, float32 [samples] at `sample_rate_hz`, as the feature asks for before it is computed."""
        return self.changes(signal, self.sample_rate_hz)

    @property
    def library(self) -> str:
        """Name and version of the package that computes the feature; "none" where this repository does."""
        if not self.package:
            return "none"
        return f"{self.package} {importlib.metadata.version(self.package).partition('+')[0]}"

    @property
    def columns(self) -> list[str]:
        """Names of the feature's dimensions, `dim` of them."""
        return [self.column] if self.dim == 1 else [f"{self.column}[{place}]" for place in range(self.dim)]

    @abstractmethod
    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the frames of a finite, non-empty float32 signal."""

    def silence(self) -> np.ndarray:
        """Give the steady frame of digital silence, float32 [dim]: zeros where a feature has no other."""
        return np.zeros(self.dim, dtype=np.float32)

    def cached_facts(self, rows: Iterable[np.ndarray]) -> dict[str, float]:
        """Facts of cached utterances for results.json, by name.

        Arguments
        ---------
        rows : iterable of arrays [frame, dim]
            One for each utterance.
        """
        return {}

    def describe(self, facts: dict[str, float], utterances: int) -> str:
        """One line about these facts for the log of stage 1."""
        return ""

    def identity(self) -> JsonObject:
        """Say in clear what decides the values of this feature."""
        return {
            "name": self.name,
            "version": self.version,
            "params": self.params,
            "sample_rate_hz": self.sample_rate_hz,
            "library": self.library,
            **({"signal": self.changes.to_json()} if self.changes else {}),
        }

    @property
    def tag(self) -> str:
        """Name of the feature and 12 hexadecimal digits of its identity."""
        return f"{self.name}-{sha256_json(self.identity())[:12]}"

    def __call__(self, signal: np.ndarray) -> np.ndarray:
        """Compute the frames of one utterance.

        Arguments
        ---------
        signal : np.ndarray
            float32 [samples] at `sample_rate_hz`, between -1 and 1.

        Returns
        -------
        np.ndarray
            float32 [frames, dim], finite.

        Raises
        ------
        UserError
            The signal is empty, not finite or too short, or gives values that are not finite.
        """
        signal = np.ascontiguousarray(signal, dtype=np.float32)
        if signal.ndim != 1 or not signal.size:
            raise UserError(f"expected samples of one channel, found an array of shape {signal.shape}")
        if not np.isfinite(signal).all():
            bad = int((~np.isfinite(signal)).sum())
            raise UserError(f"expected finite samples, found {bad} of {signal.size} that are NaN or infinite")
        frames = np.ascontiguousarray(self.compute(signal), dtype=np.float32)  # [frames, dim]
        if frames.ndim != 2 or not len(frames) or frames.shape[1] != self.dim:
            raise UserError(f"expected frames of {self.dim} values of {self.name}, found the shape {frames.shape}")
        if not np.isfinite(frames).all():
            raise UserError(f"expected finite values of {self.name}, found NaN or infinite ones")
        return frames


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work with one thread: sums come out the same in every process, and short signals faster."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
