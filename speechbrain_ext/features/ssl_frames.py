"""Frames of a frozen self-supervised model, segment by segment, at the frame rate of another branch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from speechbrain_ext.features import ssl_models
from speechbrain_ext.features.extractor import one_thread
from speechbrain_ext.features.segments import count_segments
from speechbrain_ext.features.ssl import FramesOfModel, frozen, hidden_states, prepare
from speechbrain_ext.utils.errors import UserError

LAYERS = ("last", "all")


class SSLFrames(FramesOfModel):
    """Hidden states of a frozen model for each segment of an utterance, averaged to fewer frames.

    The signal as it was recorded is cut into segments; each is normalised over its own samples and run alone and
    without padding, so that neither batch mates nor padding can change a value. Every segment has the same number of
    rows; those after its last frame are 0.

    Arguments
    ---------
    ssl_model : str
        A folder, or a hub's `owner/name[@revision]`, of wav2vec 2.0 (XLS-R too), HuBERT or WavLM.
    layers : str
        "last": the last hidden state; "all": every hidden state side by side, for learned weights.
    segment_s : float
        Length of a segment in seconds.
    strides : sequence of int
        Strides of the other branch, whose product is the samples for each row.

    Source
    ------
    Li and Zhang 2024, section 2.3, and section 2.4, equation 13 (adaptive average pooling).
    """

    name = "ssl_frames"
    version = 1
    normalised = False

    def __init__(
        self, ssl_model: str, layers: str = "last", segment_s: float = 4.0, strides: Sequence[int] = (4, 4, 4, 4, 4)
    ) -> None:
        super().__init__(ssl_model=str(ssl_model), layers=layers, segment_s=segment_s, strides=list(strides))
        if layers not in LAYERS:
            raise UserError(f"ssl_layers: expected one of {', '.join(LAYERS)}, found {layers!r}")
        self.model = ssl_models.find(str(ssl_model))
        self.dim = self.model.size * (self.model.layers if layers == "all" else 1)
        self.segment_samples = round(segment_s * self.sample_rate_hz)
        self.hop_samples = math.prod(strides)
        self.segment_rows = self.rows_of(self.segment_samples)
        # Rows of an utterance come in complete segments, and are cut by segments.
        self.hop_s = 0.0

    def rows_of(self, n_samples: int) -> int:
        """Real rows of a segment of so many samples."""
        return -(-n_samples // self.hop_samples)

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the rows of a finite, non-empty float32 signal, [segments * segment_rows, dim]."""
        segments = count_segments(len(signal), self.segment_samples)
        rows = np.zeros((segments, self.segment_rows, self.dim), dtype=np.float32)  # [segment, row, dim]
        for place in range(segments):
            segment = signal[place * self.segment_samples : (place + 1) * self.segment_samples]
            rows[place, : self.rows_of(len(segment))] = self._pooled(segment)
        return rows.reshape(-1, self.dim)  # [segments * rows, dim]

    def _pooled(self, segment: np.ndarray) -> np.ndarray:
        import torch

        with one_thread(), torch.inference_mode():
            wave = prepare(torch.from_numpy(segment.copy()), self.model.normalise)  # [samples]
            # The convolutions in front need so many samples; what is added is the mean of what was normalised.
            short = max(0, ssl_models.MIN_SAMPLES - len(wave))
            states = hidden_states(frozen(self.model), torch.nn.functional.pad(wave, (0, short))[None])
            chosen = states if self.params["layers"] == "all" else states[-1:]
            frames = torch.cat(chosen, dim=2)  # [1, frame, dim]
            pooled = torch.nn.functional.adaptive_avg_pool1d(frames.transpose(1, 2), self.rows_of(len(segment)))
        return pooled[0].T.numpy()  # [row, dim]
