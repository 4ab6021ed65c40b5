"""The waveform with its silent parts set to zero, for networks that carry the mask along."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.features.madd import madd


class MaddWaveform(Extractor):
    """Samples after maximum amplitude difference detection; the mask is where they are not zero.

    Arguments
    ---------
    window_samples : int
        Length of the sliding window.
    factor : float
        Threshold in least differences; 0 leaves the signal as it is.
    floor : str
        "nonzero" or "all", as in `speechbrain_ext.features.madd.madd`.

    Source
    ------
    Li and Zhang 2024, section 2.2.1.

    Example
    -------
    >>> MaddWaveform(window_samples=400)(np.zeros(1600, dtype=np.float32)).shape
    (1600, 1)
    """

    name = "madd_waveform"
    version = 1
    dim = 1
    hop_s = 1 / 16000
    normalised = False
    zero_is_silence = True
    reports_facts = True

    def __init__(self, window_samples: int = 400, factor: float = 5.0, floor: str = "nonzero") -> None:
        super().__init__(window_samples=window_samples, factor=factor, floor=floor)

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Give the processed samples as [samples, 1]."""
        return madd(signal, **self.params)[0][:, None]  # [samples, 1]

    def cached_facts(self, rows: Iterable[np.ndarray]) -> dict[str, float]:
        """Of all samples of the utterances, the share that is 0 after MADD, also where it was 0 before.

        Example
        -------
        >>> MaddWaveform().cached_facts([np.array([[0.5], [0.0], [0.0], [0.1]])])
        {'madd_zero_share': 0.5}
        """
        samples = sounding = 0
        for each in rows:  # [samples, 1]
            samples += each.size
            sounding += int(np.count_nonzero(each))
        return {"madd_zero_share": 1 - sounding / samples if samples else 0.0}

    def describe(self, facts: dict[str, float], utterances: int) -> str:
        """The share in per cent."""
        share = 100 * facts["madd_zero_share"]
        return f"MADD left {share:.1f} % of the samples of {utterances} utterances at zero"
