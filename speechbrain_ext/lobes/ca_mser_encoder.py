"""The encoder within CA-MSER: fine-tuned, with adapters or frozen, and known to the network's state."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor, nn

from speechbrain_ext.lobes.adapters import AdapterSettings, adapter_settings, add_adapters, unlike
from speechbrain_ext.lobes.kernels.wav2vec2_convolutions import use_fast_convolutions
from speechbrain_ext.lobes.ssl_encoder import encoder_of

ADAPTER = "adapter"  # no field of any configuration of these models


class EncoderInState(nn.Module):
    """A network with an `encoder`, or None, whose configuration and adapters travel in the network's state.

    Arguments
    ---------
    ssl : str
        "finetune" or "frozen".
    freeze_extractor : bool
        Leave the convolutions in front of the fine-tuned transformer as they are.
    takes_encoder : bool
        Whether a state's encoder is taken where there is none.
    """

    def __init__(self, ssl: str, freeze_extractor: bool, takes_encoder: bool) -> None:
        super().__init__()
        self.ssl, self.freeze_extractor, self.takes_encoder = ssl, freeze_extractor, takes_encoder
        self.encoder: nn.Module | None = None
        self.adapter: AdapterSettings | None = None

    def train(self, mode: bool = True) -> EncoderInState:
        """Switch dropout on or off; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.encoder is not None and self.ssl == "frozen":
            self.encoder.eval()
        return self

    def get_extra_state(self) -> str:
        """The encoder's configuration as JSON, with a key `adapter` where it has some; "" without an encoder."""
        if self.encoder is None:
            return ""
        config = {key: value for key, value in self.encoder.config.to_dict().items() if key != ADAPTER}
        return json.dumps(config | ({ADAPTER: self.adapter.to_dict()} if self.adapter else {}), sort_keys=True)

    def set_extra_state(self, state: str) -> None:
        """No-op: the encoder was already built when the state was loaded."""

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        # Called before the parts' own weights are looked up, hence the place to make the encoder.
        about = state_dict.get(f"{prefix}_extra_state")
        if about and self.takes_encoder:
            config = json.loads(about)
            known = config.pop(ADAPTER, None)
            adapter = AdapterSettings(**known) if known else None
            if self.encoder is None:
                self._take(encoder_of(config).to(next(self.parameters())), adapter)
            else:
                args[-1].extend(unlike(self.adapter, adapter))  # torch raises these faults
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _take(self, encoder: nn.Module, adapter: AdapterSettings | None) -> None:
        self.encoder = use_fast_convolutions(encoder).train(self.training)
        masked = encoder.config.apply_spec_augment and encoder.config.mask_time_prob > 0
        if hasattr(encoder, "masked_spec_embed"):
            # Without masking it has no gradient, for which several ranks would wait.
            encoder.masked_spec_embed.requires_grad_(masked)
        if self.freeze_extractor:
            encoder.feature_extractor._freeze_parameters()
        self._adapt(adapter)
        if self.ssl == "frozen":
            encoder.requires_grad_(False).eval()

    def _adapt(self, adapter: AdapterSettings | None) -> None:
        self.adapter = adapter
        if adapter and self.encoder is not None:
            add_adapters(self.encoder, adapter)


def adapter_of(ssl: str | None, adapter: str | None, rank: int, alpha: float) -> AdapterSettings | None:
    """Give an adapter's settings as `adapter_settings`, but refuse one in a frozen encoder."""
    settings = adapter_settings(adapter, rank, alpha)
    if settings and ssl == "frozen":
        raise ValueError(f"adapter: expected null, as ssl is frozen, found {adapter!r}")
    return settings
