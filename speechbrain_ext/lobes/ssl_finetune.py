"""A self-supervised model that is fine-tuned on raw audio, under SUPERB's probe."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from speechbrain_ext.features import ssl_models
from speechbrain_ext.features.ssl import hidden_states, prepare
from speechbrain_ext.lobes.adapters import AdapterSettings, adapter_settings, add_adapters, unlike
from speechbrain_ext.lobes.checks import refuse_relative, take_feature
from speechbrain_ext.lobes.ssl_encoder import SSLNetwork
from speechbrain_ext.lobes.ssl_probe import SSLProbe


class SSLFinetune(SSLNetwork):
    """wav2vec 2.0, HuBERT or WavLM with the probe on top, trained together.

    An utterance's output does not depend on its batch mates. Models whose convolutions are
    normalised over time (group norm: the base models) run one utterance at a time, the others
    as a batch with a mask. The configuration travels in the state: a module built with
    `pretrained=False` is empty until a state is loaded, and needs neither hub nor folder.

    Arguments
    ---------
    ssl_model : str
        A folder, or a hub's `owner/name[@revision]`.
    n_classes : int
    projection_size : int
        Width of the linear projection of the probe.
    freeze_cnn : bool
        Leave the convolutions in front of the transformer as they are.
    pretrained : bool
        Start from the model's weights; False: wait for a state, which also holds the settings of its adapters.
    adapter : str or None
        "lora" or "houlsby": only adapters and the probe are trained, whatever `freeze_cnn` says; None: no adapters.
    adapter_rank, adapter_alpha
        As in `adapter_settings`.

    Source
    ------
    Yang et al., Interspeech 2021 (SUPERB) for the head; Wagner et al., IEEE TPAMI 2023 for
    training the transformer and freezing the convolutions.
    """

    feature = "waveform"

    def __init__(
        self,
        ssl_model: str,
        n_classes: int,
        projection_size: int = 256,
        freeze_cnn: bool = True,
        pretrained: bool = True,
        adapter: str | None = None,
        adapter_rank: int = 8,
        adapter_alpha: float = 16.0,
    ) -> None:
        super().__init__()
        self.adapter = adapter_settings(adapter, adapter_rank, adapter_alpha)
        self.n_classes, self.projection_size, self.freeze_cnn = n_classes, projection_size, freeze_cnn
        self.encoder = self.head = None
        self.config, self.normalise = "", False
        if pretrained:
            model = ssl_models.find(ssl_model)
            self.config, self.normalise = json.dumps(model.config), model.normalise
            self._take(model.load())

    @classmethod
    def without_weights(cls, **options: Any) -> SSLFinetune:
        """Wait for a state, which holds the model's configuration."""
        return cls(pretrained=False, **options)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classify waveforms [batch, samples, 1] of which `lengths` [batch] samples are real.

        Returns
        -------
        dict
            `logits` [batch, class] and `embedding` [batch, projection_size].
        """
        waves = take_feature(features, self.feature, 1)[:, :, 0]  # [batch, samples]
        refuse_relative(self.feature, waves, lengths[self.feature])
        counts = lengths[self.feature].tolist()
        real = [prepare(wave[:count], self.normalise) for wave, count in zip(waves, counts, strict=True)]
        together = self.encoder.config.feat_extract_norm == "layer"
        means = self._masked_means(real) if together else torch.stack([self._masked_means([wave])[0] for wave in real])
        return self.head({SSLProbe.feature: means}, {})  # means: [batch, layer, size]

    def _masked_means(self, waves: list[Tensor]) -> Tensor:
        """Mean of each hidden state over each utterance's real frames."""
        counts = torch.tensor([len(wave) for wave in waves], device=waves[0].device)
        batch = pad_sequence(waves, batch_first=True)  # [batch, samples]
        if len(waves) == 1:
            return torch.stack([state.mean(1) for state in hidden_states(self.encoder, batch)], 1)
        places = torch.arange(batch.shape[1], device=batch.device)
        mask = (places < counts[:, None]).long()  # [batch, samples]
        states = hidden_states(self.encoder, batch, mask)
        frames = frames_of(counts, self.encoder.config)
        unreal = torch.arange(states[0].shape[1], device=batch.device) >= frames[:, None]  # [batch, frame]
        sums = [state.masked_fill(unreal[:, :, None], 0.0).sum(1) for state in states]
        return torch.stack(sums, 1) / frames[:, None, None]  # [batch, layer, size]

    def get_extra_state(self) -> str:
        """The model's configuration, its normalisation and its adapters as JSON; "" without an encoder."""
        if self.encoder is None:
            return ""
        adapter = {"adapter": self.adapter.to_dict()} if self.adapter else {}
        return json.dumps({"config": self.config, "normalise": self.normalise, **adapter})

    def set_extra_state(self, state: str) -> None:
        """No-op: the encoder was already built when the state was loaded."""

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        # Called before the parts' own weights are looked up, hence the place to make the parts.
        if state := state_dict.get(f"{prefix}_extra_state"):
            about = json.loads(state)
            adapter = AdapterSettings(**about["adapter"]) if "adapter" in about else None
            if self.encoder is None:
                self.config, self.normalise, self.adapter = about["config"], about["normalise"], adapter
                self._take(ssl_models.blank(json.loads(self.config)))
            else:
                args[-1].extend(unlike(self.adapter, adapter))  # torch raises these faults
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _take(self, encoder: nn.Module) -> None:
        config = encoder.config
        self.encoder = encoder
        # Without masking it has no gradient, for which several ranks would wait.
        getattr(encoder, "masked_spec_embed", nn.Parameter(torch.zeros(0))).requires_grad_(False)
        if self.freeze_cnn:
            encoder.feature_extractor._freeze_parameters()
        self.head = SSLProbe(config.num_hidden_layers + 1, config.hidden_size, self.n_classes, self.projection_size)
        if self.adapter:
            add_adapters(encoder, self.adapter)


def frames_of(samples: Tensor, config: Any) -> Tensor:
    """Frames that a model makes of some samples.

    Example
    -------
    >>> from types import SimpleNamespace
    >>> config = SimpleNamespace(conv_kernel=(10, 3, 3, 3, 3, 2, 2), conv_stride=(5, 2, 2, 2, 2, 2, 2))
    >>> frames_of(torch.tensor([400, 719, 720, 16000]), config).tolist()
    [1, 1, 2, 49]
    """
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples
