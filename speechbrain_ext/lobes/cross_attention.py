"""Cross-attention between AM-ResNet frames and wav2vec 2.0 frames, and the classifier of stage 2.

Source
------
Li and Zhang 2024, "Cross-feature fusion speech emotion recognition based on attention mask residual
network and Wav2vec 2.0", Digital Communications and Networks, section 2.4.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from speechbrain_ext.features import ssl_models
from speechbrain_ext.lobes.checks import check_choice, check_lengths, take_feature
from speechbrain_ext.lobes.masking import prefix_mask
from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.lobes.ssl_encoder import SSLNetwork

MODES = ("ca", "fc")


class CrossAttentionClassifier(BaseNetwork):
    """Emotion from both branches' frames, joined by cross-attention or side by side.

    Arguments
    ---------
    n_classes : int
        Emotions.
    mode : str
        "ca": cross-attention; "fc": the paper's ablation without it, the two features
        concatenated.
    dim_a, dim_w : int
        Dimensions of an AM-ResNet and of a wav2vec 2.0 frame.
    d, ffn, dropout
        As in `CrossAttention`.
    feature_a, feature_w : str
        Names of the features.
    n_layers : int
        Hidden states that stand side by side in a wav2vec 2.0 frame, averaged with learned, softmaxed weights.

    Source
    ------
    AM-ResNet (Li and Zhang 2024), section 2.4, equations 13 to 23, and table 5 ("+FC", which the paper leaves open).

    Example
    -------
    >>> net = CrossAttentionClassifier(n_classes=4)
    >>> features = {"am": torch.rand(2, 63, 64), "w2v2": torch.rand(2, 199, 768)}
    >>> lengths = {"am": torch.tensor([63, 20]), "w2v2": torch.tensor([199, 63])}
    >>> output = net(features, lengths)
    >>> output["logits"].shape, output["embedding"].shape
    (torch.Size([2, 4]), torch.Size([2, 960]))
    """

    def __init__(
        self,
        n_classes: int,
        mode: str = "ca",
        dim_a: int = 64,
        dim_w: int = 768,
        d: int = 64,
        ffn: int = 256,
        dropout: float = 0.1,
        feature_a: str = "am",
        feature_w: str = "w2v2",
        n_layers: int = 1,
    ):
        super().__init__()
        self.layer_weights = nn.Parameter(torch.zeros(n_layers)) if n_layers > 1 else None
        self.dim_a, self.dim_w, self.feature_a, self.feature_w = dim_a, dim_w, feature_a, feature_w
        self.cross = (
            CrossAttention(dim_a, dim_w, d, ffn, dropout) if check_choice("mode", mode, MODES) == "ca" else None
        )
        self.classifier = nn.Linear(dim_a + dim_w if self.cross is None else self.cross.size, n_classes)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify `features[feature_a]` [batch, time, dim_a] and `features[feature_w]` [batch, other time, dim_w].

        Their `lengths` [batch] count real frames; an utterance may have none, and has the
        embedding 0 when its `feature_a` has none.

        Returns
        -------
        dict
            `logits` [batch, class] and `embedding` [batch, size].
        """
        f_a, n_a = self._take(features, lengths, self.feature_a, self.dim_a)
        n_layers = 1 if self.layer_weights is None else len(self.layer_weights)
        f_w, n_w = self._take(features, lengths, self.feature_w, n_layers * self.dim_w)
        if self.layer_weights is not None:
            states = f_w.unflatten(2, (n_layers, self.dim_w))  # [batch, other time, layer, dim_w]
            f_w = torch.einsum("btld,l->btd", states, self.layer_weights.softmax(0))  # [batch, other time, dim_w]
        f_w = pool_frames(f_w, n_w, n_a, f_a.shape[1])  # [batch, time, dim_w], equation 13
        mask = prefix_mask(n_a, f_a.shape[1])  # [batch, time]
        fused = torch.cat([f_a, f_w], 2) if self.cross is None else self.cross(f_a, f_w, mask)  # [batch, time, size]
        # Adaptive average pooling to one frame is the mean.
        embedding = fused.sum(1) / n_a.clamp(min=1).unsqueeze(1).to(fused.dtype)  # [batch, size]
        return {"logits": self.classifier(embedding), "embedding": embedding}

    def _take(
        self, features: dict[str, Tensor], lengths: dict[str, Tensor], name: str, size: int
    ) -> tuple[Tensor, Tensor]:
        """The feature cut to the longest utterance, padding set to 0, and its lengths."""
        x = take_feature(features, name, size)
        n = check_lengths(name, x, lengths[name])
        x = x[:, : max(1, int(n.max()))]  # [batch, longest, size]
        return x.masked_fill(~prefix_mask(n, x.shape[1]).unsqueeze(2), 0.0), n


class SSLCrossAttentionClassifier(CrossAttentionClassifier, SSLNetwork):
    """The classifier for a model's frames, its sizes read from the model's configuration.

    Arguments
    ---------
    ssl_model : str
        A folder, or a hub's `owner/name[@revision]`.
    layers : str
        "last" or "all", as `speechbrain_ext.features.ssl_frames.SSLFrames` takes it.
    options
        Those of `CrossAttentionClassifier`.

    Raises
    ------
    UserError
        There is no such model.
    """

    def __init__(self, ssl_model: str, layers: str = "last", **options: Any) -> None:
        model = ssl_models.find(ssl_model)
        super().__init__(dim_w=model.size, n_layers=model.layers if layers == "all" else 1, **options)


class CrossAttention(nn.Module):
    """Cross-attention in both directions: each branch's frames attend to the other branch.

    One head, as we read the paper, with dropout on the attention weights, and in the
    feed-forward layer after its ReLU and on its output. The projections have no bias.

    Arguments
    ---------
    dim_a, dim_w : int
        Dimensions of a frame of either branch.
    d : int
        Dimensions of queries, keys and values.
    ffn : int
        Hidden units of the feed-forward layers.
    dropout : float
        See above.

    Source
    ------
    AM-ResNet (Li and Zhang 2024), section 2.4, figure 7, equations 14 to 23.

    Example
    -------
    >>> net = CrossAttention(dim_a=4, dim_w=6, d=2)
    >>> mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    >>> net(torch.rand(2, 5, 4), torch.rand(2, 5, 6), mask).shape
    torch.Size([2, 5, 14])
    """

    def __init__(self, dim_a: int = 64, dim_w: int = 768, d: int = 64, ffn: int = 256, dropout: float = 0.1):
        super().__init__()
        for key, value in {"dim_a": dim_a, "dim_w": dim_w, "d": d, "ffn": ffn}.items():
            if value < 1:
                raise ValueError(f"{key}: expected at least 1, found {value!r}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout: expected a share from 0 to below 1, found {dropout!r}")
        self.d, self.size = d, dim_a + dim_w + 2 * d
        self.project_a = nn.Linear(dim_a, 3 * d, bias=False)
        self.project_w = nn.Linear(dim_w, 3 * d, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.norm_a, self.norm_w = nn.LayerNorm(dim_a + d), nn.LayerNorm(dim_w + d)
        self.feed_a, self.feed_w = FeedForward(dim_a + d, ffn, dropout), FeedForward(dim_w + d, ffn, dropout)

    def forward(self, f_a: Tensor, f_w: Tensor, mask: Tensor) -> Tensor:
        """Fuse two features of the same number of frames.

        Arguments
        ---------
        f_a, f_w : Tensor
            [batch, time, dim_a] and [batch, time, dim_w].
        mask : Tensor
            [batch, time], True where a frame is real.

        Returns
        -------
        Tensor
            F_c, [batch, time, dim_a + dim_w + 2 * d], 0 in the padding.
        """
        q_a, k_a, v_a = self.project_a(f_a).split(self.d, dim=2)  # 3 x [batch, time, d], equations 14 to 16
        q_w, k_w, v_w = self.project_w(f_w).split(self.d, dim=2)  # 3 x [batch, time, d]
        a_to_w = self._attend(q_w, k_a, v_a, mask)  # [batch, time, d], equation 17
        w_to_a = self._attend(q_a, k_w, v_w, mask)  # [batch, time, d], equation 18
        f_a = self.feed_a(self.norm_a(torch.cat([f_a, w_to_a], 2)))  # [batch, time, dim_a + d], 19 and 21
        f_w = self.feed_w(self.norm_w(torch.cat([f_w, a_to_w], 2)))  # [batch, time, dim_w + d], 20 and 22
        return torch.cat([f_a, f_w], 2).masked_fill(~mask.unsqueeze(2), 0.0)  # [batch, time, size], 23

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        scores = q @ k.transpose(1, 2) / self.d**0.5  # [batch, query, key]
        # The lowest finite number, not -inf: an utterance without a real frame would give 0 / 0.
        scores = scores.masked_fill(~mask.unsqueeze(1), torch.finfo(scores.dtype).min)
        return self.dropout(torch.softmax(scores, dim=2)) @ v  # [batch, query, d]


class FeedForward(nn.Module):
    """LN(x + linear(ReLU(linear(x)))).

    Arguments
    ---------
    size : int
        Features of a frame.
    hidden : int
        Units between the linear layers.
    dropout : float
        After the ReLU and on the output, before it is added to x.

    Source
    ------
    AM-ResNet (Li and Zhang 2024), equations 21 and 22; Vaswani et al. 2017, section 3.3.

    Example
    -------
    >>> FeedForward(4, hidden=8, dropout=0.1)(torch.rand(2, 5, 4)).shape
    torch.Size([2, 5, 4])
    """

    def __init__(self, size: int, hidden: int, dropout: float):
        super().__init__()
        self.inner, self.outer = nn.Linear(size, hidden), nn.Linear(hidden, size)
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(size)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, size] -> [batch, time, size]."""
        hidden = self.dropout(torch.relu(self.inner(x)))  # [batch, time, hidden]
        return self.norm(x + self.dropout(self.outer(hidden)))


def pool_frames(x: Tensor, n_in: Tensor, n_out: Tensor, size: int) -> Tensor:
    """Adaptive average pooling of each utterance's real frames to as many as the other branch has.

    Frame i of n is the mean of the frames from floor(i n_in / n) to below ceil((i + 1) n_in / n).

    Arguments
    ---------
    x : Tensor
        [batch, time, feature], padding 0.
    n_in, n_out : Tensor
        [batch], real frames before and after.
    size : int
        Frames of the result.

    Returns
    -------
    Tensor
        [batch, size, feature], 0 after an utterance's `n_out` frames; all 0 where it has no frame to pool.

    Source
    ------
    AM-ResNet (Li and Zhang 2024), equation 13.

    Example
    -------
    >>> x = torch.tensor([[[1.0], [3.0], [5.0], [7.0]]])
    >>> pool_frames(x, torch.tensor([4]), torch.tensor([2]), 3).flatten().tolist()
    [2.0, 6.0, 0.0]
    """
    if torch.equal(n_in, n_out):  # features pooled beforehand: every frame is its own mean
        return nn.functional.pad(x, (0, 0, 0, size - x.shape[1]))  # [batch, size, feature]
    out = torch.arange(size, device=x.device)
    n, m = n_in.unsqueeze(1), n_out.clamp(min=1).unsqueeze(1)  # [batch, 1]
    start = torch.div(out * n, m, rounding_mode="floor")  # [batch, size]
    stop = torch.div((out + 1) * n + m - 1, m, rounding_mode="floor")  # [batch, size]
    places = torch.arange(x.shape[1], device=x.device)
    inside = (places >= start.unsqueeze(2)) & (places < stop.unsqueeze(2))  # [batch, size, time]
    inside &= prefix_mask(n_out, size).unsqueeze(2)
    weights = inside.to(x.dtype) / (stop - start).clamp(min=1).unsqueeze(2).to(x.dtype)
    return weights @ x  # [batch, size, feature]
