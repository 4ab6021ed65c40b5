"""The two branches of SD-CAFF: a convolutional network over the MFCC image, an LSTM over the dynamic features.

Source
------
Dong, Peng and Che, SD-CAFF, section 2.2; layer sizes as in the authors' public model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.dynamic_relu import DynamicReLU
from speechbrain_ext.lobes.mask_block import check_choice

POOLS = ("before", "after")
ACTIVATIONS = ("dynamic", "relu")
# The third convolution has no number 3 in the authors' model, and a state is exchanged by these names.
STAGES = {1: (1, 8), 2: (8, 32), 4: (32, 64), 5: (64, 96), 6: (96, 128)}
# The third to fifth stage pool; a pool before one's convolution follows the rectifier of the stage before it.
POOLED, BEFORE_POOLED = (4, 5, 6), (2, 4, 5)


class StaticBranch(nn.Module):
    """Five stages of 3 x 3 convolution, batch norm and rectifier, three of them with a 2 x 2 max-pooling.

    Arguments
    ---------
    pool : str
        Where stages 3 to 5 pool: `after` their convolution and before their norm (the paper: convolution, pooling,
        batch norm, rectifier), or `before` their convolution (the authors' code). Both end in the same size.
    activation : str
        `dynamic` (DY-ReLU-B) or `relu`.
    dropout : float
        On the last map.

    Example
    -------
    >>> StaticBranch()(torch.rand(2, 60, 251)).shape
    torch.Size([2, 128, 7, 31])
    """

    channels = 128

    def __init__(self, pool: str = "after", activation: str = "dynamic", dropout: float = 0.1):
        super().__init__()
        self.pool = check_choice("pool", pool, POOLS)
        dynamic = check_choice("activation", activation, ACTIVATIONS) == "dynamic"
        for stage, (n_in, n_out) in STAGES.items():
            self.add_module(f"conv{stage}", nn.Conv2d(n_in, n_out, 3, padding=0 if stage == 1 else 1))
            self.add_module(f"bn{stage}", nn.BatchNorm2d(n_out))
            self.add_module(f"relu{stage}", DynamicReLU(n_out) if dynamic else nn.ReLU())
        self.dropout = nn.Dropout(dropout)

    def forward(self, mfcc: Tensor) -> Tensor:
        """[batch, coefficient, time], at least 10 of each -> [batch, 128, height, width]; 60 x 251 becomes 7 x 31."""
        if mfcc.dim() != 3 or min(mfcc.shape[1:]) < 10:
            raise ValueError(f"expected MFCC [batch, coefficient, time], at least 10 x 10, found {list(mfcc.shape)}")
        x = mfcc.unsqueeze(1)  # [batch, 1, coefficient, time]
        for stage in STAGES:
            x = getattr(self, f"conv{stage}")(x)  # [batch, more channels, height, width]
            norm, rectifier = getattr(self, f"bn{stage}"), getattr(self, f"relu{stage}")
            if self.pool == "after" and stage in POOLED:
                x = nn.functional.max_pool2d(x, 2)  # [batch, channel, half height, half width]
            pool = self.pool == "before" and stage in BEFORE_POOLED
            if isinstance(rectifier, DynamicReLU):
                x = rectifier.after_norm(x, norm, pool)  # [batch, channel, half height, half width]
            else:
                x = rectifier(norm(x))
                x = nn.functional.max_pool2d(x, 2) if pool else x  # [batch, channel, half height, half width]
        return self.dropout(x)


class DynamicBranch(nn.Module):
    """An LSTM whose outputs, at every frame, are averaged in groups of neighbouring units.

    Arguments
    ---------
    input_size : int
        Features a frame: 60 for each of MFCC, delta and delta-delta.
    hidden_size : int
        Units of all directions together.
    bidirectional : bool
    channels : int
        Groups that the units are averaged in.
    dropout : float
        On the LSTM's outputs.

    Example
    -------
    >>> DynamicBranch(120, bidirectional=True)(torch.rand(2, 120, 11)).shape
    torch.Size([2, 64, 1, 11])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 1024,
        bidirectional: bool = False,
        channels: int = 64,
        dropout: float = 0.1,
    ):
        super().__init__()
        if hidden_size < 1 or hidden_size % (2 if bidirectional else 1):
            raise ValueError(f"hidden_size: expected units of all directions together, found {hidden_size}")
        self.channels, self.hidden_size = channels, hidden_size
        units = hidden_size // 2 if bidirectional else hidden_size
        self.lstm = nn.LSTM(input_size, units, batch_first=True, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)

    def forward(self, dynamic: Tensor) -> Tensor:
        """[batch, feature, time] -> [batch, channel, 1, time]."""
        x = self.frames(dynamic)  # [batch, time, unit]
        if x.shape[2] % self.channels == 0:
            x = x.unflatten(2, (self.channels, -1)).mean(3)  # [batch, time, channel]
        else:
            x = nn.functional.adaptive_avg_pool1d(x, self.channels)  # [batch, time, channel]
        return x.transpose(1, 2).unsqueeze(2)  # [batch, channel, 1, time]

    def frames(self, dynamic: Tensor) -> Tensor:
        """The LSTM's outputs after dropout, [batch, feature, time] -> [batch, time, hidden_size]."""
        self._check(dynamic)
        return self.dropout(self.lstm(dynamic.transpose(1, 2))[0])

    def last_states(self, dynamic: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Each direction's output at the frame that it reads last, without dropout.

        Arguments
        ---------
        dynamic : Tensor
            [batch, feature, time].
        lengths : Tensor, optional
            [batch], valid frames. The forward direction ends at the last valid frame, the backward one starts
            there and ends at the first frame.

        Returns
        -------
        Tensor
            [batch, hidden_size].
        """
        self._check(dynamic)
        x = dynamic.transpose(1, 2)  # [batch, time, feature]
        if lengths is not None and bool((lengths < x.shape[1]).any()):
            counts = lengths.detach().to("cpu", torch.int64)
            if counts.shape != (len(x),) or int(counts.min()) < 1 or int(counts.max()) > x.shape[1]:
                raise ValueError(
                    f"expected {len(x)} lengths between 1 and {x.shape[1]} frames, found {counts.tolist()}"
                )
            x = nn.utils.rnn.pack_padded_sequence(x, counts, batch_first=True, enforce_sorted=False)
        states = self.lstm(x)[1][0]  # [direction, batch, unit]
        return states.transpose(0, 1).flatten(1)  # [batch, hidden_size]

    def _check(self, dynamic: Tensor) -> None:
        if dynamic.dim() != 3 or dynamic.shape[1] != self.lstm.input_size:
            raise ValueError(
                f"expected dynamic features [batch, {self.lstm.input_size}, time], found {list(dynamic.shape)}"
            )
