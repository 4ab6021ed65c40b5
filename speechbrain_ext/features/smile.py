"""openSMILE behind the extractors that use it: its engine, its version, its absence, its quirks."""

from __future__ import annotations

import importlib.metadata
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from speechbrain_ext.utils.errors import UserError

if TYPE_CHECKING:
    import pandas

# openSMILE works in 16-bit integers, where +1.0 does not exist and would wrap to -1.0.
LARGEST_SAMPLE = np.float32(32767 / 32768)


def library(feature: str) -> str:
    """Name and version of the installed openSMILE.

    Arguments
    ---------
    feature : str
        The feature that needs it, for the error message.

    Raises
    ------
    UserError
        It is not installed.
    """
    try:
        return f"opensmile {importlib.metadata.version('opensmile')}"
    except importlib.metadata.PackageNotFoundError:
        raise _missing(feature) from None


def build_engine(feature: str, feature_set: str, level: str) -> Any:
    """Build openSMILE: slow, so keep what you get.

    Arguments
    ---------
    feature : str
        The feature that needs it, for the error message.
    feature_set, level : str
        Names in `opensmile.FeatureSet` and `opensmile.FeatureLevel`.

    Raises
    ------
    UserError
        It is not installed.
    """
    try:
        import opensmile
    except ImportError:
        raise _missing(feature) from None
    return opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel[level])


def process(engine: Any, signal: np.ndarray, sample_rate_hz: int) -> pandas.DataFrame:
    """Run an engine on a float32 signal [samples]; the table [frames, dim] has openSMILE's own column names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return engine.process_signal(np.minimum(signal, LARGEST_SAMPLE), sample_rate_hz)


def too_short(feature: str, least_s: float, signal: np.ndarray, sample_rate_hz: int) -> UserError:
    """The error of a signal that openSMILE answers with NaN."""
    found_s = signal.size / sample_rate_hz
    return UserError(f"expected at least {least_s:g} s of audio for {feature}, found {found_s:.3f} s")


def _missing(feature: str) -> UserError:
    return UserError(
        f"the feature '{feature}' needs openSMILE (its licence allows non-commercial use only), which is not "
        "installed: from the repository, type: pip install -e '.[opensmile]'"
    )
