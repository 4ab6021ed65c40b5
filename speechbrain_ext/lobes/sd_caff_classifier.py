"""SD-CAFF as the network of a phase: from the cached frames of segments to its heads."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from speechbrain_ext.features.deltas import parts_of, select
from speechbrain_ext.lobes.checks import take_feature
from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.lobes.sd_caff import SDCAFF

COEFFICIENTS = 60
PARTS = 3


class SDCAFFClassifier(BaseNetwork):
    """Classify segments from their MFCC, deltas and deltas of deltas.

    Arguments
    ---------
    n_classes : int
    dynamic : str
        The dynamic branch's input, a row of Table 1: "M", "D", "DD", "D+DD", "M+D", "M+DD" or "M+D+DD".
    options
        Those of `SDCAFF`, without `n_classes`, `dynamic_size` and `static_size`.

    Raises
    ------
    ValueError
        There is no such input.

    Source
    ------
    Dong, Peng and Che, SD-CAFF, sections 2 and 3, Table 1.

    Example
    -------
    >>> import torch
    >>> net = SDCAFFClassifier(4, "M+D", hidden_size=64)
    >>> net({"mfcc": torch.rand(2, 84, 180)}, {"mfcc": torch.tensor([84, 84])})["logits"].shape
    torch.Size([2, 4])
    """

    feature = "mfcc"
    min_batch_size = 2  # Cross AFF normalises one global value an item over the batch
    trains_on_dimensions = False

    def __init__(self, n_classes: int, dynamic: str = "M+D", **options: Any):
        super().__init__()
        self.dynamic = dynamic
        size = COEFFICIENTS * len(parts_of(dynamic))
        self.sd_caff = SDCAFF(n_classes, dynamic_size=size, static_size=COEFFICIENTS, **options)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify a batch.

        Arguments
        ---------
        features, lengths : dict
            `mfcc` [batch, time, 180], MFCC, deltas and deltas of deltas side by side, and real frames [batch]. The
            zeros that fill a segment count as speech.

        Returns
        -------
        dict
            `logits` [batch, class], `embedding` [batch, feature], and the heads of `SDCAFF`.
        """
        rows = take_feature(features, self.feature, PARTS * COEFFICIENTS)  # [batch, time, 180]
        mfcc = rows[..., :COEFFICIENTS]  # [batch, time, 60]
        found = self.sd_caff(mfcc, select(rows, self.dynamic), lengths.get(self.feature))
        return {"logits": found["emotion"], **found}
