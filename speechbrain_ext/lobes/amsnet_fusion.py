"""AMSNet's two ways to join the branches: after they are trained, and before (early fusion)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.amsnet import AttentionBLSTM
from speechbrain_ext.lobes.checks import PADS, check_choice, take_feature
from speechbrain_ext.lobes.masking import trim
from speechbrain_ext.lobes.network import BaseNetwork

MODES = ("attention", "concat")


class FusionHead(BaseNetwork):
    """Connection attention over the two branches' embeddings, then the classifier.

    Arguments
    ---------
    mode : str
        "attention": h = sum_i alpha_i h_i, alpha = softmax_i(tanh(W_f h_i + b));
        "concat": both embeddings side by side.
    embedding_size : int
        Width of each branch's output.
    n_classes : int
        Emotions.
    hidden : sequence of int
        Widths of the layers before the last, each followed by ReLU.

    Source
    ------
    AMSNet (Chen et al. 2023), section 3.4, equations 9 to 12, and section 4.3.

    Example
    -------
    >>> head = FusionHead()
    >>> output = head({"frlm": torch.rand(2, 128), "urlm": torch.rand(2, 128)})
    >>> output["logits"].shape, output["weights"].shape
    (torch.Size([2, 7]), torch.Size([2, 2]))
    """

    branches = ("frlm", "urlm")

    def __init__(
        self,
        mode: str = "attention",
        embedding_size: int = 128,
        n_classes: int = 7,
        hidden: tuple[int, ...] = (64, 8),
    ):
        super().__init__()
        check_choice("mode", mode, MODES)
        self.embedding_size = embedding_size
        self.score = nn.Linear(embedding_size, 1) if mode == "attention" else None
        widths = [embedding_size * (1 if mode == "attention" else len(self.branches)), *hidden]
        layers: list[nn.Module] = []
        for wide, narrow in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(wide, narrow), nn.ReLU()]
        self.classifier = nn.Sequential(*layers, nn.Linear(widths[-1], n_classes))

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Classify the embeddings [batch, embedding_size] of both branches; embeddings have no frames to count."""
        missing = [name for name in self.branches if name not in features]
        if missing:
            raise ValueError(f"expected the embeddings {list(self.branches)}, found {sorted(features)}")
        h = torch.stack([features[name] for name in self.branches], dim=1)  # [batch, branch, embedding]
        if h.dim() != 3 or h.shape[2] != self.embedding_size:
            raise ValueError(f"expected embeddings [batch, {self.embedding_size}], found {[h.shape[0], *h.shape[2:]]}")
        if self.score is None:
            embedding = h.flatten(1)  # [batch, branch * embedding]
            return {"logits": self.classifier(embedding), "embedding": embedding}
        weights = torch.softmax(torch.tanh(self.score(h)).squeeze(2), dim=1)  # [batch, branch]
        embedding = (weights.unsqueeze(2) * h).sum(1)  # [batch, embedding]
        return {"logits": self.classifier(embedding), "embedding": embedding, "weights": weights}


class EarlyFusion(BaseNetwork):
    """One attention BLSTM on descriptors and mel bands stacked at the spectrogram's frame rate.

    Frames are brought together by the times of their centres: a mel frame is centred on a multiple of its hop, a
    descriptor frame begins there. Each descriptor frame enters the mean of the mel frame whose centre is nearest,
    of two the earlier one.

    Arguments
    ---------
    lld_size : int
        Descriptors of a frame.
    n_mels : int
        Mel bands.
    lld_hop_s : float
        Seconds from one descriptor frame to the next.
    lld_frame_s : float
        Length of a descriptor frame in seconds.
    logmel_hop_s : float
        Seconds from one mel frame to the next.
    hidden_size, embedding_size, n_classes, dropout, peepholes
        As in `AttentionBLSTM`.
    pad : str
        "mask" or "silence", as in `FRLM`.

    Source
    ------
    AMSNet (Chen et al. 2023), section 4.6, which names it and leaves the form open.

    Example
    -------
    >>> features = {"lld": torch.rand(2, 10, 76), "logmel": torch.rand(2, 4, 128)}
    >>> lengths = {"lld": torch.tensor([10, 5]), "logmel": torch.tensor([4, 2])}
    >>> EarlyFusion(hidden_size=4)(features, lengths)["logits"].shape
    torch.Size([2, 7])
    """

    def __init__(
        self,
        lld_size: int = 76,
        n_mels: int = 128,
        lld_hop_s: float = 0.010,
        lld_frame_s: float = 0.025,
        logmel_hop_s: float = 0.025,
        hidden_size: int = 128,
        embedding_size: int = 128,
        n_classes: int = 7,
        dropout: float = 0.5,
        pad: str = "mask",
        peepholes: bool = True,
    ):
        super().__init__()
        if not 0.0 < lld_hop_s <= logmel_hop_s:
            raise ValueError(f"lld_hop_s: expected above 0 and at most logmel_hop_s {logmel_hop_s}, found {lld_hop_s}")
        if not lld_frame_s >= 0.0:
            raise ValueError(f"lld_frame_s: expected at least 0, found {lld_frame_s}")
        self.pad, self.logmel_hop_s = check_choice("pad", pad, PADS), logmel_hop_s
        self.lld_hop_s, self.lld_frame_s = lld_hop_s, lld_frame_s
        self.sizes = {"lld": lld_size, "logmel": n_mels}
        self.net = AttentionBLSTM(lld_size + n_mels, hidden_size, embedding_size, n_classes, dropout, peepholes)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify both features [batch, time, size], with their numbers of real frames [batch]."""
        masked = self.pad == "mask"
        (lld, lld_mask), (logmel, mask) = (
            trim(take_feature(features, name, size), lengths[name] if masked else None)
            for name, size in self.sizes.items()
        )
        slow = self._slow_down(lld, lld_mask, logmel.shape[1])  # [batch, mel time, lld_size]
        if mask is not None:
            slow = slow.masked_fill(~mask.unsqueeze(2), 0.0)
        return self.net(torch.cat([slow, logmel], dim=2), mask)  # [batch, mel time, lld_size + n_mels]

    def _slow_down(self, lld: Tensor, mask: Tensor | None, frames: int) -> Tensor:
        """Mean of the real descriptor frames nearest to each mel frame; 0 where there is none."""
        place = torch.arange(lld.shape[1], device=lld.device, dtype=torch.float64)
        centre = (place * self.lld_hop_s + self.lld_frame_s / 2) / self.logmel_hop_s  # [time], in mel frames
        # The small share less keeps a centre that lies halfway from rounding into the later frame.
        owner = torch.ceil(centre - 0.5 - 1e-6)
        belongs = owner == torch.arange(frames, device=lld.device).unsqueeze(1)  # [mel time, time]
        real = lld.new_ones(lld.shape[:2]) if mask is None else mask.to(lld.dtype)  # [batch, time]
        belongs = belongs.to(lld.dtype)
        count = real @ belongs.t()  # [batch, mel time]
        return (belongs @ lld) / count.clamp(min=1.0).unsqueeze(2)  # [batch, mel time, lld_size]
