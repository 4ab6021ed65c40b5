"""SUPERB's probe: learned layer weights, mean over time, two linear layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speechbrain_ext.features import ssl_models
from speechbrain_ext.lobes.checks import take_feature
from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.lobes.ssl_encoder import SSLNetwork


class SSLProbe(BaseNetwork):
    """Emotion from the hidden states of a self-supervised model.

    The states are averaged with softmaxed weights, one a layer, projected, averaged over
    time and classified. All but the softmax is linear, so the mean over time may as well be
    taken first, and is: the probe reads means. There is no activation between the two linear
    layers, as in the benchmark's own emotion task.

    Arguments
    ---------
    n_layers : int
        Hidden states: the model's layers and one.
    size : int
        Dimensions of a hidden state.
    n_classes : int
    projection_size : int
        Width of the linear projection.

    Source
    ------
    Yang et al., Interspeech 2021 (SUPERB), sections 2 and 3 (emotion recognition: mean pooling and a linear layer).

    Example
    -------
    >>> probe = SSLProbe(n_layers=3, size=8, n_classes=4)
    >>> probe({"layer_means": torch.rand(2, 3, 8)}, {})["logits"].shape
    torch.Size([2, 4])
    """

    feature = "layer_means"

    def __init__(self, n_layers: int, size: int, n_classes: int, projection_size: int = 256) -> None:
        super().__init__()
        self.size = size
        self.layer_weights = nn.Parameter(torch.zeros(n_layers))
        self.projection = nn.Linear(size, projection_size)
        self.classifier = nn.Linear(projection_size, n_classes)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify means [batch, layer, size]; lengths are not needed, as no row is padding.

        Returns
        -------
        dict
            `logits` [batch, class] and `embedding` [batch, projection_size].
        """
        del lengths
        means = take_feature(features, self.feature, self.size)
        if means.shape[1] != len(self.layer_weights):
            raise ValueError(f"{self.feature}: expected {len(self.layer_weights)} layers, found {means.shape[1]}")
        weights = self.layer_weights.softmax(0)  # [layer]
        pooled = (means * weights[:, None]).sum(1)  # [batch, size]
        embedding = self.projection(pooled)  # [batch, projection_size]
        return {"logits": self.classifier(embedding), "embedding": embedding}


class SSLModelProbe(SSLProbe, SSLNetwork):
    """The probe of a model, its sizes read from the model's configuration.

    Arguments
    ---------
    ssl_model : str
        A folder, or a hub's `owner/name[@revision]`.
    n_classes, projection_size
        As in `SSLProbe`.

    Raises
    ------
    UserError
        There is no such model.
    """

    def __init__(self, ssl_model: str, n_classes: int, projection_size: int = 256) -> None:
        model = ssl_models.find(ssl_model)
        super().__init__(model.layers, model.size, n_classes, projection_size)
