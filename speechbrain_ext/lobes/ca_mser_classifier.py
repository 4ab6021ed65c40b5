"""CA-MSER as the network of a phase: from the cached rows of segments to posteriors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speechbrain_ext.features import ssl_models
from speechbrain_ext.features.ca_mser.image import bin_range, gray
from speechbrain_ext.lobes.alexnet import check_weights
from speechbrain_ext.lobes.ca_mser import CAMSER, COATT_FROM, VARIANTS
from speechbrain_ext.lobes.checks import take_feature
from speechbrain_ext.lobes.ssl_encoder import SSLNetwork

BINS = 200
FROZEN = "_frozen"


class CAMSERClassifier(SSLNetwork):
    """Classify segments of 3 s; the range of the spectrogram's bins is that of the training set.

    Arguments
    ---------
    ssl_model : str
        A folder, or a hub's `owner/name[@revision]`, of wav2vec 2.0 or its kin.
    n_classes : int
    variant : str
        As in `CAMSER`; `_frozen` behind it changes nothing here.
    cached : bool
        Read wav2vec 2.0's cached frames, so that it neither runs nor is trained.
    pretrained : bool
        Start from the model's weights; False: the network is made when a state is loaded.
    options
        Those of `CAMSER`.

    Source
    ------
    Zou et al., ICASSP 2022, section 2; the image as in the authors' public code.

    Example
    -------
    >>> net = CAMSERClassifier("", 4, variant="mfcc")
    >>> features = {"spectrogram": torch.rand(2, 300, 200), "mfcc": torch.rand(2, 300, 40)}
    >>> net(features, {})["logits"].shape
    torch.Size([2, 4])
    """

    vectors = ("w2e", "fused")

    def __init__(
        self,
        ssl_model: str,
        n_classes: int,
        variant: str,
        cached: bool = False,
        pretrained: bool = True,
        **options: Any,
    ) -> None:
        super().__init__()
        self.is_cached = cached
        self.options = {
            "n_classes": n_classes,
            "variant": variant.removesuffix(FROZEN),
            "normalise_gray": True,
            **options,
        }
        self.ca_mser: CAMSER | None = None
        self.register_buffer("low", torch.full((BINS,), -80.0))
        self.register_buffer("high", torch.zeros(BINS))
        if pretrained:
            uses_ssl = "w2e" in variant
            size = {"w2e_size": ssl_models.find(ssl_model).size} if uses_ssl and self.is_cached else {}
            encoder = ssl_model if uses_ssl and not self.is_cached else None
            self.ca_mser = CAMSER(encoder, **size, **self.options)

    @classmethod
    def check_resources(
        cls, variant: str, coatt_from: str = "both", alexnet_weights: str = "random", **options: Any
    ) -> None:
        """Refuse AlexNet weights that are out of reach and that the variant needs."""
        streams, coattention = VARIANTS.get(variant.removesuffix(FROZEN), ((), False))
        if "spectrogram" in {*streams, *(COATT_FROM.get(coatt_from, ()) if coattention else ())}:
            check_weights(alexnet_weights)

    @classmethod
    def without_weights(cls, **options: Any) -> CAMSERClassifier:
        """Wait for a state, which holds the encoder's configuration and AlexNet's weights."""
        return cls(pretrained=False, **options)

    @classmethod
    def outline(cls, **options: Any) -> CAMSERClassifier:
        """Build it without memory for weights; AlexNet's are not fetched."""
        return super().outline(**{**options, "alexnet_weights": "random"})

    def fit_statistics(self, frames: Callable[[str], Iterable[np.ndarray]]) -> None:
        """Fit the range of each bin of the spectrogram."""
        if "spectrogram" in self.ca_mser.built:
            low, high = bin_range(frames("spectrogram"))
            self.low.copy_(torch.from_numpy(low))
            self.high.copy_(torch.from_numpy(high))

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify a batch.

        Arguments
        ---------
        features, lengths : dict
            By feature name: `spectrogram` [batch, 300, 200] in dB, `mfcc` [batch, 300, 40], `audio` [batch, 48000, 1]
            or `encoded` [batch, 149, size]. All segments have one length, so lengths are not read.

        Returns
        -------
        dict
            `logits` [batch, class], and what `CAMSER` returns.
        """
        net = self.ca_mser
        image = mfcc = audio = frames = None
        if "spectrogram" in net.built:
            image = gray(take_feature(features, "spectrogram", BINS), self.low, self.high)  # [batch, 1, 256, 384]
        if "mfcc" in net.built:
            mfcc = take_feature(features, "mfcc", net.mfcc_size)
        if "w2e" in net.built and self.is_cached:
            frames = take_feature(features, "encoded", net.w2e_size)
        elif "w2e" in net.built:
            audio = take_feature(features, "audio", 1)[..., 0]  # [batch, 48000]
        found = net(image, mfcc, audio, frames=frames)
        return {"logits": found["emotion"], **found}

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        # Called before the parts' own weights are looked up, hence the place to make them.
        if self.ca_mser is None:
            config = state_dict.get(f"{prefix}ca_mser._extra_state")
            layer = state_dict.get(f"{prefix}ca_mser.w2e_layer.weight")
            size = {} if layer is None else {"w2e_size": layer.shape[1]}
            # The state holds AlexNet's weights, so none are fetched.
            options = {**self.options, "alexnet_weights": "random"}
            self.ca_mser = CAMSER(json.loads(config) if config else None, **size, **options)
        super()._load_from_state_dict(state_dict, prefix, *args)
