"""Adapters in a self-supervised encoder: few parameters are trained, and the encoder stays as it was."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from speechbrain.nnet.adapters import AdaptedModel, HoulsbyAdapterLinear, LoRA
from torch import Tensor, nn

ADAPTERS = ("lora", "houlsby")
# Queries and values, as Hu et al. found best; behind both halves of a layer, as Houlsby et al. have it.
PLACES = {
    "lora": ("*.attention.q_proj", "*.attention.v_proj"),
    "houlsby": ("*.attention.out_proj", "*.feed_forward.output_dense"),
}


class ReadableLoRA(LoRA):
    """LoRA whose weight and bias can be read, for WavLM's attention multiplies by them and not through the layer.

    Example
    -------
    >>> import torch
    >>> lora, x = ReadableLoRA(nn.Linear(4, 6), rank=2), torch.rand(3, 4)
    >>> nn.init.ones_(lora.adapter_up_proj.weight).shape
    torch.Size([6, 2])
    >>> torch.allclose(nn.functional.linear(x, lora.weight, lora.bias), lora(x), atol=1e-6)
    True
    """

    @property
    def weight(self) -> Tensor:
        """The weight with what was learned, [out, in]."""
        learned = self.adapter_up_proj.weight @ self.adapter_down_proj.weight  # [out, in]
        return self.pretrained_module.weight + self.scaling * learned

    @property
    def bias(self) -> Tensor | None:
        """The bias [out], as it was."""
        return self.pretrained_module.bias


@dataclass(frozen=True)
class AdapterSettings:
    """Settings of the adapters in an encoder.

    Attributes
    ----------
    adapter : str
        "lora" or "houlsby".
    rank : int
        Width of the layer in the middle of an adapter.
    alpha : float or None
        Of "lora" alone: what it learns is scaled by alpha / rank.
    """

    adapter: str
    rank: int
    alpha: float | None = None

    def to_dict(self) -> dict[str, str | int | float]:
        """The settings as a state holds them."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def __str__(self) -> str:
        return ", ".join(f"{key} {value}" for key, value in self.to_dict().items())


def adapter_settings(adapter: str | None, rank: int = 8, alpha: float = 16.0) -> AdapterSettings | None:
    """Check the settings of an adapter; None without adapters.

    Raises
    ------
    ValueError
        A value that no adapter can have.

    Example
    -------
    >>> adapter_settings("lora", 4, 8)
    AdapterSettings(adapter='lora', rank=4, alpha=8.0)
    """
    if adapter is None:
        return None
    if adapter not in ADAPTERS:
        raise ValueError(f"adapter: expected one of null, {', '.join(ADAPTERS)}, found {adapter!r}")
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise ValueError(f"adapter_rank: expected a whole number of at least 1, found {rank!r}")
    if adapter != "lora":
        return AdapterSettings(adapter, rank)
    if not isinstance(alpha, (int, float)) or isinstance(alpha, bool) or not alpha > 0:
        raise ValueError(f"adapter_alpha: expected a number above 0, found {alpha!r}")
    return AdapterSettings(adapter, rank, float(alpha))


def add_adapters(encoder: nn.Module, settings: AdapterSettings) -> nn.Module:
    """Put SpeechBrain's adapters into an encoder, and train nothing else of it.

    The encoder's outputs are at first what they were: what an adapter adds starts from 0. Its layer drop
    is switched off, as the adapters of a dropped layer have no gradient, for which several ranks would wait.

    Arguments
    ---------
    encoder : transformers.PreTrainedModel
        wav2vec 2.0, HuBERT or WavLM, changed in place. Its other parts keep their names; an adapted layer
        moves to `pretrained_module` (lora) or `pretrained_linear` (houlsby), next to `adapter_down_proj` and
        `adapter_up_proj`.
    settings : AdapterSettings
        "lora": at the projections of queries and values. "houlsby": behind the attention's and the
        feed-forward's last layer; with WavLM behind the feed-forward's only.

    Returns
    -------
    nn.Module
        The encoder itself.

    Source
    ------
    Hu et al., ICLR 2022 (LoRA), sections 4.1 and 7.1; Houlsby et al., ICML 2019, section 2.

    Example
    -------
    >>> from speechbrain_ext.lobes.ssl_encoder import encoder_of
    >>> small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
    ...          "conv_dim": [4] * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    >>> encoder = add_adapters(encoder_of(small), AdapterSettings("lora", 2, 16.0))
    >>> sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    64
    """
    dtype = encoder.dtype
    # Its graph in training would run through the convolutions down to the waveform.
    encoder.feature_extractor._freeze_parameters()
    encoder.config.layerdrop = 0.0
    kind, options = _Houlsby, {"projection_size": settings.rank}
    if settings.adapter == "lora":
        kind, options = ReadableLoRA, {"rank": settings.rank, "alpha": settings.alpha}
    # SpeechBrain's wrapper is not kept: it would rename every layer.
    AdaptedModel(encoder, kind, target_layers=_places(encoder, settings.adapter), adapter_kwargs=options)
    return encoder.to(dtype).train(encoder.training)


def unlike(own: AdapterSettings | None, found: AdapterSettings | None) -> list[str]:
    """Error message for adapter weights that do not match the model: alpha shows in no shape.

    Example
    -------
    >>> unlike(None, AdapterSettings("houlsby", 4))
    ['adapter: expected a state with none, found one with adapter houlsby, rank 4']
    """
    return [] if own == found else [f"adapter: expected a state with {own or 'none'}, found one with {found or 'none'}"]


class _Houlsby(HoulsbyAdapterLinear):
    """SpeechBrain's adapter, but it adds nothing at first: the paper starts near nothing, SpeechBrain from noise."""

    def __init__(self, target_linear: nn.Linear, projection_size: int) -> None:
        super().__init__(target_linear, projection_size)
        nn.init.zeros_(self.adapter_up_proj.weight)


def _places(encoder: nn.Module, adapter: str) -> list[str]:
    places = PLACES[adapter]
    if adapter == "houlsby" and encoder.config.model_type == "wavlm":
        return list(places[1:])  # its attention multiplies by the weight and passes the layer by
    return list(places)
