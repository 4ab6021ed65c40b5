"""A self-supervised encoder to be trained as its owners train it: layer drop and masking by its own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from speechbrain_ext.features import ssl_models
from speechbrain_ext.lobes.network import BaseNetwork
from speechbrain_ext.utils.json_values import JsonObject

TRAINING_KEYS = ("layerdrop", "apply_spec_augment")


class SSLNetwork(BaseNetwork):
    """A network that starts from a self-supervised model, which its option `ssl_model` names."""

    @classmethod
    def outline(cls, **options: Any) -> BaseNetwork:
        """Build it for the model's configuration alone, without memory for weights."""
        with torch.device("meta"):
            return cls(**{**options, "ssl_model": ssl_models.outline(str(options["ssl_model"]))})


def encoder_of(ssl_model: str | JsonObject | Any) -> nn.Module:
    """Build or load an encoder whose layer drop and masking in training are those of its configuration.

    Masking draws from numpy's global generator, layer drop from torch's.

    Arguments
    ---------
    ssl_model : str, mapping or configuration of transformers
        A folder or a hub's `owner/name[@revision]`: with its weights. A configuration, or a mapping
        of the fields of one (wav2vec 2.0 where it says no `model_type`): with random weights.

    Returns
    -------
    nn.Module
        A model of transformers, in evaluation mode.

    Raises
    ------
    UserError
        There is no such model.

    Example
    -------
    >>> small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
    ...          "conv_dim": [4] * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    >>> encoder_of(small).config.layerdrop
    0.1
    """
    if isinstance(ssl_model, (str, ssl_models.SSLModel)):
        return _loaded(ssl_models.find(ssl_model))
    from transformers import AutoConfig, AutoModel

    ssl_models.quiet()
    config = ssl_model
    if isinstance(ssl_model, Mapping):
        fields = ssl_models.without_code(ssl_model)
        config = AutoConfig.for_model(fields.pop("model_type", "wav2vec2"), **fields)
    return AutoModel.from_config(config).eval()


def _loaded(model: ssl_models.SSLModel) -> nn.Module:
    """The model with its weights; it is loaded without the keys of training, which are read when it runs."""
    from transformers import AutoConfig

    encoder = model.load()
    own = AutoConfig.for_model(**ssl_models.without_code(model.config))
    for key in TRAINING_KEYS:
        setattr(encoder.config, key, getattr(own, key))
    return encoder.eval()
