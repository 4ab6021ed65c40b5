"""Frames of a frozen wav2vec 2.0 for each segment of CA-MSER, so that training need not run it."""

from __future__ import annotations

from typing import Any

import numpy as np

from speechbrain_ext.features import ssl_models
from speechbrain_ext.features.ca_mser.features import CaMserAudio
from speechbrain_ext.features.extractor import one_thread
from speechbrain_ext.features.ssl import FramesOfModel, frozen, hidden_states
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject


class CaMserEncoded(FramesOfModel, CaMserAudio):
    """The last hidden state of a frozen model for each segment of `CaMserAudio`.

    Arguments
    ---------
    ssl_model : str
        A folder, or a hub's `owner/name[@revision]`, of wav2vec 2.0 (XLS-R too), HuBERT or WavLM.
    pre_emphasis, pad_side, normalise, segment_s
        As for `CaMserAudio`.

    Source
    ------
    Zou et al., ICASSP 2022 (CA-MSER), section 2; there the model is trained along.
    """

    name = "ca_mser_encoded"

    def __init__(
        self,
        ssl_model: str,
        pre_emphasis: float = 0.0,
        pad_side: str = "back",
        normalise: str = "speech",
        segment_s: float = 3.0,
    ) -> None:
        super().__init__(pre_emphasis, pad_side, normalise, segment_s)
        self.params = {"ssl_model": str(ssl_model), **self.params}
        self.model = ssl_models.find(str(ssl_model))
        self.dim = self.model.size
        samples = self.segment_rows
        self.segment_rows = frames_of(self.model.config, samples)
        if self.segment_rows < 1:
            raise UserError(f"{self.name} segment_s: expected a frame of {ssl_model}, found {samples} samples: more")

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the rows of a finite, non-empty float32 signal, [segments * segment_rows, dim]."""
        import torch

        model = frozen(self.model)
        found = []
        with one_thread(), torch.inference_mode():
            for segment in self.segments(signal):
                states = hidden_states(model, torch.from_numpy(segment)[None])
                found.append(states[-1][0].numpy())  # [frame, dim]
        return np.concatenate(found)  # [segments * frames, dim]


def frames_of(config: JsonObject, samples: int) -> int:
    """How many frames the convolutions in front of a model make of so many samples.

    Example
    -------
    >>> frames_of({}, 48000)
    149
    """
    # A configuration that does not say has what all models of the three kinds have.
    kernels: Any = config.get("conv_kernel", (10, 3, 3, 3, 3, 2, 2))
    strides: Any = config.get("conv_stride", (5, 2, 2, 2, 2, 2, 2))
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = max(0, (samples - kernel) // stride + 1)
    return samples
