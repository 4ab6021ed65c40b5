"""A bidirectional LSTM with diagonal peephole connections."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.checks import refuse_relative
from speechbrain_ext.lobes.kernels.peephole_kernel import peephole_blstm


class PeepholeBLSTM(nn.Module):
    """One layer of a bidirectional LSTM whose gates see the cell through diagonal weights.

    Arguments
    ---------
    input_size : int
        Features of a frame.
    hidden_size : int
        Units of each direction.
    peepholes : bool
        False holds the peepholes at 0, which is the plain LSTM.

    Source
    ------
    Graves, Jaitly and Mohamed 2013, equations 3 to 7; AMSNet (Chen et al. 2023), section 3.2, equation 1.

    Example
    -------
    >>> net = PeepholeBLSTM(input_size=3, hidden_size=4)
    >>> net(torch.rand(2, 5, 3), torch.tensor([5, 2])).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, input_size: int, hidden_size: int, peepholes: bool = True):
        super().__init__()
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: expected a whole number of at least 1, found {value!r}")
        self.input_size, self.hidden_size = input_size, hidden_size
        # Gates in the order of nn.LSTM: input, forget, candidate, output; direction 0 runs forward.
        self.weight_ih = nn.Parameter(torch.empty(2, 4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(2, 4 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(2, 4 * hidden_size))
        if peepholes:
            self.peephole = nn.Parameter(torch.empty(2, 3, hidden_size))
        else:
            self.register_buffer("peephole", torch.zeros(2, 3, hidden_size), persistent=False)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode a batch.

        Arguments
        ---------
        x : Tensor
            [batch, time, input_size].
        lengths : Tensor, optional
            [batch], real frames; without it all are real. The backward
            direction starts at each utterance's own last frame.

        Returns
        -------
        Tensor
            [batch, time, 2 * hidden_size], 0 beyond each length.
        """
        if x.dim() != 3 or x.shape[2] != self.input_size:
            raise ValueError(f"expected frames [batch, time, {self.input_size}], found {list(x.shape)}")
        if lengths is not None:
            refuse_relative("lengths", x, lengths)
        weight = torch.cat([self.weight_hh, self.weight_ih, self.bias.unsqueeze(2)], dim=2)  # [2, 4H, H + feature + 1]
        return peephole_blstm(x, weight, self.peephole, lengths)
