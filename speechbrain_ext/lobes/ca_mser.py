"""CA-MSER: spectrogram, MFCC and wav2vec 2.0, whose frames the other two weight.

Source
------
Zou, Si, Chen, Rajan and Chng, ICASSP 2022, "Speech emotion recognition with co-attention based
multi-level acoustic information", section 2, tables 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from speechbrain_ext.features import ssl_models
from speechbrain_ext.lobes.alexnet import OUTPUT_SIZE, AlexNetFeatures
from speechbrain_ext.lobes.ca_mser_encoder import EncoderInState, adapter_of
from speechbrain_ext.lobes.checks import check_choice
from speechbrain_ext.lobes.co_attention import CoAttention
from speechbrain_ext.lobes.official_state import OfficialState
from speechbrain_ext.lobes.ssl_encoder import encoder_of
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject

_NAMES = {
    "mfcc": ("mfcc",),
    "spectrogram": ("spectrogram",),
    "w2e": ("w2e",),
    "mfcc_w2e": ("mfcc", "w2e"),
    "spectrogram_w2e": ("spectrogram", "w2e"),
    "mfcc_spectrogram_w2e": ("spectrogram", "mfcc", "w2e"),
}
# The rows of table 2 by name: the streams that are classified, and whether co-attention weights W2E.
VARIANTS = {name: (streams, False) for name, streams in _NAMES.items()} | {
    f"{name}_coatt": (streams, True) for name, streams in _NAMES.items() if "w2e" in streams
}
FULL = "mfcc_spectrogram_w2e_coatt"  # also both rows of table 1
COATT_FROM = {"both": ("spectrogram", "mfcc"), "spectrogram": ("spectrogram",), "mfcc": ("mfcc",)}
SSL = ("finetune", "frozen")
FRAMES, MFCC_FRAMES, WIDTH = 149, 300, 128
_ADVICE = "give the state_dict of the authors' Ser_Model and the configuration of its wav2vec 2.0"
_POSITIONS = "wav2vec2_model.encoder.pos_conv_embed.conv."
OFFICIAL = OfficialState(
    "CA-MSER's state",
    _ADVICE,
    {
        "alexnet.features.": "alexnet_model.features.",
        "spectrogram_layer.": "post_spec_layer.",
        "lstm.": "lstm_mfcc.",
        "mfcc_layer.": "post_mfcc_layer.",
        "co_attention.linear.": "post_spec_mfcc_att_layer.",
        "encoder.": "wav2vec2_model.",
        "w2e_layer.": "post_wav_layer.",
        "fusion.": "post_att_layer_1.",
        "hidden.": "post_att_layer_2.",
        "classifier.": "post_att_layer_3.",
    },
    unused=("alexnet_model.classifier.",),
    # Before its version 2.0 torch named the two parts of a normalised weight so.
    renamed={
        f"{_POSITIONS}weight_g": f"{_POSITIONS}parametrizations.weight.original0",
        f"{_POSITIONS}weight_v": f"{_POSITIONS}parametrizations.weight.original1",
    },
)
# Sizes of the network: the authors' tensor that each is read from, and its axis.
_SIZES = {
    "n_classes": ("post_att_layer_3.weight", 0),
    "frames": ("post_spec_mfcc_att_layer.weight", 0),
    "mfcc_size": ("lstm_mfcc.weight_ih_l0", 1),
}


class CAMSER(EncoderInState):
    """Classify 3 s segments by their spectrogram, MFCC and wav2vec 2.0 embedding.

    Only what the variant needs is built, and the classifier of AlexNet never is. The encoder's
    configuration travels in the state: built with `ssl_model=None`, the network takes the encoder from
    a state that holds one, and else expects the encoder's frames instead of audio.

    Arguments
    ---------
    ssl_model : str, mapping, configuration of transformers or None
        As `encoder_of` takes it; None: no encoder until a state with one is loaded.
    n_classes : int
    variant : str
        A name of `VARIANTS`, the rows of table 2.
    coatt_from : str
        Streams that the weights of co-attention come from, classified or not: "both", "spectrogram", "mfcc".
    activation : str or None
        That of co-attention: "relu", None or "softmax".
    ssl : str
        "finetune"; "frozen": the encoder is fixed, in evaluation mode and without gradients.
    freeze_extractor : bool
        Leave the convolutions in front of the fine-tuned transformer as they are.
    alexnet_weights, normalise_gray
        As in `AlexNetFeatures`.
    mfcc_norm : str or None
        "l2": each frame is brought to length 1; None: taken as it is.
    mfcc_size : int
        Coefficients of a frame.
    w2e_size : int
        Width of the frames where there is no encoder to ask.
    frames : int
        The encoder's frames of a segment.
    dropout : float
        In front of every linear layer but the last.
    lstm_dropout : float
        Between the layers of the MFCC's LSTM.
    adapter, adapter_rank, adapter_alpha
        As in `adapter_settings`: with "lora" or "houlsby" nothing else of the fine-tuned encoder is trained,
        and it drops no layers. A state with an encoder also holds the settings of its adapters.

    Example
    -------
    >>> net = CAMSER(None, variant="mfcc_w2e", w2e_size=16).eval()
    >>> output = net(None, torch.rand(2, 300, 40), frames=torch.rand(2, 149, 16))
    >>> output["emotion"].shape, output["embedding"].shape, output["fused"].shape
    (torch.Size([2, 4]), torch.Size([2, 128]), torch.Size([2, 256]))
    """

    def __init__(
        self,
        ssl_model: str | JsonObject | Any | None,
        n_classes: int = 4,
        variant: str = FULL,
        coatt_from: str = "both",
        activation: str | None = "relu",
        ssl: str = "finetune",
        freeze_extractor: bool = False,
        alexnet_weights: str = "random",
        normalise_gray: bool = False,
        mfcc_norm: str | None = "l2",
        mfcc_size: int = 40,
        w2e_size: int = 768,
        frames: int = FRAMES,
        dropout: float = 0.1,
        lstm_dropout: float = 0.5,
        adapter: str | None = None,
        adapter_rank: int = 8,
        adapter_alpha: float = 16.0,
    ) -> None:
        streams, coattention = VARIANTS[check_choice("variant", variant, VARIANTS)]
        super().__init__(check_choice("ssl", ssl, SSL), freeze_extractor, "w2e" in streams)
        settings = adapter_of(ssl, adapter, adapter_rank, adapter_alpha)
        self.variant, self.streams, self.mfcc_size = variant, streams, mfcc_size
        self.mfcc_norm = check_choice("mfcc_norm", mfcc_norm, ("l2", None))
        self.coatt_from = COATT_FROM[check_choice("coatt_from", coatt_from, COATT_FROM)] if coattention else ()
        self.built = built = frozenset({*self.streams, *self.coatt_from})
        if "w2e" in built and ssl_model is not None:
            self._take(encoder_of(ssl_model), settings)
            w2e_size = self.encoder.config.hidden_size
        self.w2e_size = w2e_size
        self.dropout = nn.Dropout(dropout)
        if "spectrogram" in built:
            self.alexnet = AlexNetFeatures(alexnet_weights, normalise_gray)
            self.spectrogram_layer = nn.Linear(OUTPUT_SIZE, WIDTH)
        if "mfcc" in built:
            self.lstm = nn.LSTM(mfcc_size, 256, 2, batch_first=True, bidirectional=True, dropout=lstm_dropout)
            self.mfcc_layer = nn.Linear(MFCC_FRAMES * 512, WIDTH)
        if coattention:
            self.co_attention = CoAttention(WIDTH * len(self.coatt_from), frames, activation, dropout)
        if "w2e" in built:
            self.w2e_layer = nn.Linear(w2e_size, WIDTH)
        self.fusion = nn.Linear(WIDTH * len(self.streams), WIDTH)
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.classifier = nn.Linear(WIDTH, n_classes)

    def forward(
        self,
        spectrogram: Tensor | None = None,
        mfcc: Tensor | None = None,
        audio: Tensor | None = None,
        *,
        frames: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Classify segments; a stream that the variant does not use may be None.

        Arguments
        ---------
        spectrogram : Tensor
            [batch, 3, 256, 384], or [batch, 1, 256, 384] for three equal channels.
        mfcc : Tensor
            [batch, 300, mfcc_size].
        audio : Tensor
            [batch, samples], 48000 for 149 frames.
        frames : Tensor
            [batch, frame, w2e_size], the encoder's output, instead of audio: the encoder does not run.

        Returns
        -------
        dict
            `emotion` [batch, class], `embedding` [batch, 128], `fused` [batch, 128 * streams], the classified
            streams side by side; with wav2vec 2.0 `w2e` [batch, w2e_size], its pooled frames; with
            co-attention `attention` [batch, frame], their weights.
        """
        found: dict[str, Tensor] = {}
        parts: dict[str, Tensor] = {}
        if "spectrogram" in self.built:
            parts["spectrogram"] = self._squeeze(
                self.spectrogram_layer, self.alexnet(_given("spectrogram", spectrogram))
            )
        if "mfcc" in self.built:
            parts["mfcc"] = self._mfcc(_given("mfcc", mfcc))
        if "w2e" in self.streams:
            sequence = self._frames(audio, frames)  # [batch, frame, w2e_size]
            if self.coatt_from:
                queries = [parts[name] for name in self.coatt_from]
                found["w2e"], found["attention"] = self.co_attention(sequence, *queries)
            else:
                found["w2e"] = sequence.mean(1)  # [batch, w2e_size]
            parts["w2e"] = self._squeeze(self.w2e_layer, found["w2e"])
        fused = torch.cat([parts[name] for name in self.streams], dim=1)  # [batch, 128 * streams]
        embedding = self._squeeze(self.hidden, self._squeeze(self.fusion, fused))  # [batch, 128]
        return {"emotion": self.classifier(embedding), "embedding": embedding, "fused": fused, **found}

    def _squeeze(self, layer: nn.Linear, x: Tensor) -> Tensor:
        return torch.relu(layer(self.dropout(x)))  # [batch, 128]

    def _mfcc(self, mfcc: Tensor) -> Tensor:
        expected = (MFCC_FRAMES, self.mfcc_size)
        if mfcc.dim() != 3 or mfcc.shape[1:] != expected:
            raise ValueError(f"mfcc: expected [batch, {expected[0]}, {expected[1]}], found {list(mfcc.shape)}")
        if self.mfcc_norm:
            mfcc = nn.functional.normalize(mfcc, dim=2)
        states, _ = self.lstm(mfcc)  # [batch, 300, 512]
        return self._squeeze(self.mfcc_layer, states.flatten(1))

    def _frames(self, audio: Tensor | None, frames: Tensor | None) -> Tensor:
        """The encoder's frames [batch, frame, w2e_size], made here or given."""
        if frames is None:
            if self.encoder is None:
                raise ValueError("frames: expected the encoder's frames, as the network holds no encoder, found none")
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.ssl == "finetune"):
                frames = self.encoder(_given("audio", audio)).last_hidden_state
        if frames.dim() != 3 or frames.shape[2] != self.w2e_size:
            raise ValueError(f"frames: expected [batch, frame, {self.w2e_size}], found {list(frames.shape)}")
        return frames

    @classmethod
    def from_official(
        cls,
        state_dict: Mapping[str, Tensor],
        wav2vec2_config: Any,
        adapter: str | None = None,
        adapter_rank: int = 8,
        adapter_alpha: float = 16.0,
        **options: Any,
    ) -> CAMSER:
        """Build the network of the authors' state; the keys of AlexNet's classifier are left aside.

        Arguments
        ---------
        state_dict : mapping of str to Tensor
        wav2vec2_config : mapping or Wav2Vec2Config
        adapter, adapter_rank, adapter_alpha
            As in the network: put into the encoder of the state, which has none.
        **options
            Further arguments of the network, which cannot be read from a state.

        Raises
        ------
        UserError
            Keys are missing, unknown, of another shape, or no tensors of finite floating numbers; or the
            configuration is not one of wav2vec 2.0.
        """
        state = OFFICIAL.read(state_dict)
        OFFICIAL.matrices(state, [name for name, _ in _SIZES.values()])
        sizes = {key: int(state[name].shape[axis]) for key, (name, axis) in _SIZES.items()}
        settings = adapter_of(options.get("ssl"), adapter, adapter_rank, adapter_alpha)
        config = _configuration(wav2vec2_config)
        try:
            net = cls(config, **sizes, **options)
        except (UserError, ValueError):
            raise
        except Exception as fault:
            # A configuration that fits no model breaks in many ways.
            raise UserError(f"wav2vec2_config: no model can be built of it ({_one_line(fault)}): {_ADVICE}") from None
        OFFICIAL.load(net, state)
        net._adapt(settings)
        return net

    def to_official(self) -> dict[str, Tensor]:
        """Give the state by the authors' names, without AlexNet's classifier, which is not built."""
        if self.adapter:
            raise UserError(f"adapter: expected null, as the authors' names have none, found {self.adapter.adapter}")
        return OFFICIAL.of(self)


def _configuration(config: Any) -> Any:
    """The configuration of the state's wav2vec 2.0, given as such or as a mapping."""
    from transformers import AutoConfig, PretrainedConfig

    if isinstance(config, PretrainedConfig):
        return config
    if not isinstance(config, Mapping):
        raise UserError(f"wav2vec2_config: expected fields by name, found {type(config).__name__}: {_ADVICE}")
    fields = ssl_models.without_code(config)
    try:
        found = AutoConfig.for_model(fields.pop("model_type", "wav2vec2"), **fields)
    except Exception as fault:
        # transformers and its checks of types raise errors of many kinds.
        raise UserError(f"wav2vec2_config: {_one_line(fault)}: {_ADVICE}") from None
    for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
        size = getattr(found, name, None)
        if not isinstance(size, int) or size < 1:
            raise UserError(f"wav2vec2_config: {name}: expected a number of at least 1, found {size!r}: {_ADVICE}")
    return found


def _one_line(fault: Exception) -> str:
    text = " ".join(str(fault).split()) or "no reason given"
    return f"{type(fault).__name__}: {text[:200]}"


def _given(name: str, value: Tensor | None) -> Tensor:
    if value is None:
        raise ValueError(f"{name}: expected a tensor, as the variant uses it, found none")
    return value
