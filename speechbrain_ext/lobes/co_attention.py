"""Co-attention: what other streams say decides how much each frame of a sequence counts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

ACTIVATIONS = ("relu", "softmax", None)


class CoAttention(nn.Module):
    """Weight the frames of any sequence by features of other streams, and add them up.

    One weight a frame comes from a linear layer on the query alone, hence the number of frames is
    fixed. The weights need not add up to 1 but with "softmax".

    Arguments
    ---------
    query_size : int
        Width of the query, all streams side by side.
    frames : int
        Frames of the sequence.
    activation : str or None
        "relu": the authors' code; None: equation 4 as it stands; "softmax": weights that add up to 1.
    dropout : float
        On the query.

    Source
    ------
    CA-MSER (Zou et al., ICASSP 2022), section 2.3, equations 4 and 5.

    Example
    -------
    >>> lobe = CoAttention(query_size=6, frames=5)
    >>> pooled, weights = lobe(torch.rand(2, 5, 3), torch.rand(2, 6))
    >>> pooled.shape, weights.shape
    (torch.Size([2, 3]), torch.Size([2, 5]))
    """

    def __init__(self, query_size: int, frames: int, activation: str | None = "relu", dropout: float = 0.1) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: expected relu, softmax or null, found {activation!r}")
        self.query_size, self.frames, self.activation = query_size, frames, activation
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(query_size, frames)

    def forward(self, sequence: Tensor, *queries: Tensor) -> tuple[Tensor, Tensor]:
        """Add up the weighted frames.

        Arguments
        ---------
        sequence : Tensor
            [batch, frame, feature].
        *queries : Tensor
            [batch, width] each, put side by side in this order.

        Returns
        -------
        pooled : Tensor
            [batch, feature].
        weights : Tensor
            [batch, frame].
        """
        query = torch.cat(queries, dim=-1)  # [batch, query_size]
        if sequence.dim() != 3 or sequence.shape[1] != self.frames:
            raise ValueError(
                f"co-attention: expected a sequence of {self.frames} frames, [batch, {self.frames}, feature], "
                f"found {list(sequence.shape)}: the linear layer has one output a frame"
            )
        if query.shape != (len(sequence), self.query_size):
            expected = [len(sequence), self.query_size]
            raise ValueError(f"co-attention: expected a query {expected}, found {list(query.shape)}")
        weights = self.linear(self.dropout(query))  # [batch, frame]
        if self.activation == "relu":
            weights = torch.relu(weights)
        elif self.activation == "softmax":
            weights = torch.softmax(weights, dim=1)
        return torch.bmm(weights.unsqueeze(1), sequence).squeeze(1), weights  # [batch, feature], [batch, frame]
