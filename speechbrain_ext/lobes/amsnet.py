"""AMSNet: frame-level branch and utterance-level branch.

Source
------
Chen, Li, Liu, Wang, Wang and Zheng 2023, "Learning multi-scale features for speech emotion
recognition with connection attention mechanism", Expert Systems With Applications, sections 3.2, 3.3 and 4.3.
"""

from __future__ import annotations

from torch import Tensor, nn

from speechbrain_ext.lobes.attention_pooling import AttentionPooling
from speechbrain_ext.lobes.checks import PADS, check_choice, take_feature
from speechbrain_ext.lobes.masking import masked_mean, trim
from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.lobes.peephole_lstm import PeepholeBLSTM
from speechbrain_ext.lobes.time_convolution import TimeConvolution


class AttentionBLSTM(nn.Module):
    """BLSTM, attention over frames, dropout, a dense layer, and a classifier.

    Arguments
    ---------
    input_size : int
        Features of a frame.
    hidden_size : int
        Units of each direction.
    embedding_size : int
        Width of the dense layer.
    n_classes : int
        Emotions.
    dropout : float
        After the attention.
    peepholes : bool
        Whether the gates see the cell.

    Example
    -------
    >>> import torch
    >>> AttentionBLSTM(3, 4, 8, 7, dropout=0.5, peepholes=True)(torch.rand(2, 5, 3))["logits"].shape
    torch.Size([2, 7])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        embedding_size: int,
        n_classes: int,
        dropout: float,
        peepholes: bool,
    ):
        super().__init__()
        self.blstm = PeepholeBLSTM(input_size, hidden_size, peepholes)
        self.attention = AttentionPooling(2 * hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(2 * hidden_size, embedding_size)
        self.classifier = nn.Linear(embedding_size, n_classes)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Classify [batch, time, input_size]; `mask` [batch, time] is True where a frame is real."""
        h = self.blstm(x, None if mask is None else mask.sum(1))  # [batch, time, 2 * hidden]
        pooled, weights = self.attention(h, mask)  # [batch, 2 * hidden], [batch, time]
        embedding = self.dense(self.dropout(pooled))  # [batch, embedding]
        return {"logits": self.classifier(embedding), "embedding": embedding, "attention": weights}


class FRLM(BaseNetwork):
    """The frame-level representation learning module, on low-level descriptors.

    Arguments
    ---------
    input_size : int
        Descriptors of a frame.
    hidden_size : int
        Units of each direction of the BLSTM.
    embedding_size : int
        Width of the branch's output.
    n_classes : int
        Emotions.
    dropout : float
        After the attention.
    pad : str
        "mask": padding neither runs through the recurrence nor gets attention;
        "silence", the paper's: every frame given counts as real.
    dimension_shuffle : bool
        The "dimension transpose layer": the recurrence runs over descriptors,
        each a vector of `max_frames` frames.
    max_frames : int, optional
        Needed by `dimension_shuffle`, which cuts and fills to it.
    peepholes : bool
        Whether the gates see the cell.

    Source
    ------
    AMSNet, section 3.2, equations 1 to 4, and section 4.3.

    Example
    -------
    >>> import torch
    >>> net = FRLM(hidden_size=4)
    >>> net({"lld": torch.rand(2, 9, 76)}, {"lld": torch.tensor([9, 4])})["logits"].shape
    torch.Size([2, 7])
    """

    feature = "lld"

    def __init__(
        self,
        input_size: int = 76,
        hidden_size: int = 128,
        embedding_size: int = 128,
        n_classes: int = 7,
        dropout: float = 0.5,
        pad: str = "mask",
        dimension_shuffle: bool = False,
        max_frames: int | None = None,
        peepholes: bool = True,
    ):
        super().__init__()
        if dimension_shuffle and max_frames is None:
            raise ValueError("max_frames: expected a number of frames with dimension_shuffle: true, found none")
        self.pad, self.input_size = check_choice("pad", pad, PADS), input_size
        self.shuffle_frames = max_frames if dimension_shuffle else None
        step_size = max_frames if dimension_shuffle else input_size
        self.net = AttentionBLSTM(step_size, hidden_size, embedding_size, n_classes, dropout, peepholes)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify `lld` [batch, time, input_size]; lengths are numbers of real frames [batch]."""
        x = take_feature(features, self.feature, self.input_size)
        x, mask = trim(x, lengths[self.feature] if self.pad == "mask" else None)
        if self.shuffle_frames is None:
            return self.net(x, mask)
        missing = self.shuffle_frames - x.shape[1]
        x = nn.functional.pad(x, (0, 0, 0, missing))  # [batch, max_frames, input_size]
        return self.net(x.transpose(1, 2))  # [batch, input_size, max_frames]: a step is a descriptor


class URLM(BaseNetwork):
    """The utterance-level representation learning module, on the log-mel spectrogram.

    Arguments
    ---------
    n_mels : int
        Mel bands, the input channels of the convolutions over time.
    channels : sequence of int
        Filters of the three blocks.
    kernels : sequence of int
        Frames that the filters see.
    reduction : int
        Reduction of squeeze and excitation, which ends every block but the last.
    embedding_size : int
        Width of the branch's output.
    n_classes : int
        Emotions.
    pad : str
        "mask": padding enters no statistic, mean or excitation; "silence", the
        paper's: every frame given counts as real.

    Source
    ------
    AMSNet, section 3.3, equations 5 to 8, and section 4.3.

    Example
    -------
    >>> import torch
    >>> net = URLM(channels=(16, 16, 8), reduction=4)
    >>> net({"logmel": torch.rand(2, 9, 128)}, {"logmel": torch.tensor([9, 4])})["logits"].shape
    torch.Size([2, 7])
    """

    feature = "logmel"

    def __init__(
        self,
        n_mels: int = 128,
        channels: tuple[int, ...] = (512, 256, 128),
        kernels: tuple[int, ...] = (8, 5, 3),
        reduction: int = 16,
        embedding_size: int = 128,
        n_classes: int = 7,
        pad: str = "mask",
    ):
        super().__init__()
        if len(channels) != len(kernels) or not channels:
            raise ValueError(f"kernels: expected one for each of channels {list(channels)}, found {list(kernels)}")
        self.pad, self.n_mels = check_choice("pad", pad, PADS), n_mels
        self.blocks = nn.ModuleList()
        for n, (width, kernel) in enumerate(zip(channels, kernels, strict=True)):
            before = n_mels if n == 0 else channels[n - 1]
            last = n == len(channels) - 1
            self.blocks.append(TimeConvolution(before, width, kernel, None if last else reduction))
        self.dense = nn.Linear(channels[-1], embedding_size)
        self.classifier = nn.Linear(embedding_size, n_classes)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify `logmel` [batch, time, n_mels]; lengths are numbers of real frames [batch]."""
        x = take_feature(features, self.feature, self.n_mels)
        x, mask = trim(x, lengths[self.feature] if self.pad == "mask" else None)
        for block in self.blocks:
            x = block(x, mask)  # [batch, time, channel]
        embedding = self.dense(masked_mean(x, mask))  # [batch, embedding]
        return {"logits": self.classifier(embedding), "embedding": embedding}
