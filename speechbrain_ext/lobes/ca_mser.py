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

from speechbrain_ext.lobes import ca_mser_official
from speechbrain_ext.lobes.alexnet import OUTPUT_SIZE, AlexNetFeatures
from speechbrain_ext.lobes.ca_mser_encoder import EncoderInState, adapter_of
from speechbrain_ext.lobes.co_attention import CoAttention
from speechbrain_ext.lobes.official_state import checked_tensors
from speechbrain_ext.lobes.ssl_encoder import encoder_of
from speechbrain_ext.utils.errors import UserError

STREAMS = ("spectrogram", "mfcc", "w2e")
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
        and it drops no layers. A state with an encoder also tells its adapters.

    Example
    -------
    >>> net = CAMSER(None, variant="mfcc_w2e", w2e_size=16).eval()
    >>> output = net(None, torch.rand(2, 300, 40), frames=torch.rand(2, 149, 16))
    >>> output["emotion"].shape, output["embedding"].shape, output["fused"].shape
    (torch.Size([2, 4]), torch.Size([2, 128]), torch.Size([2, 256]))
    """

    def __init__(
        self,
        ssl_model: str | Mapping[str, Any] | Any | None,
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
        streams, coattention = VARIANTS[_choice("variant", variant, VARIANTS)]
        super().__init__(_choice("ssl", ssl, SSL), freeze_extractor, "w2e" in streams)
        settings = adapter_of(ssl, adapter, adapter_rank, adapter_alpha)
        self.variant, self.streams, self.mfcc_size = variant, streams, mfcc_size
        self.mfcc_norm = _choice("mfcc_norm", mfcc_norm, ("l2", None))
        self.coatt_from = COATT_FROM[_choice("coatt_from", coatt_from, COATT_FROM)] if coattention else ()
        built = {*self.streams, *self.coatt_from}
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
        if hasattr(self, "alexnet"):
            parts["spectrogram"] = self._squeeze(
                self.spectrogram_layer, self.alexnet(_given("spectrogram", spectrogram))
            )
        if hasattr(self, "lstm"):
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
            Further arguments of the network, which a state does not tell.

        Raises
        ------
        UserError
            Keys are missing, unknown, of another shape, or no tensors of finite floating numbers; or the
            configuration is not one of wav2vec 2.0.
        """
        checked = checked_tensors(state_dict, ca_mser_official.WHAT, ca_mser_official.EXAMPLE)
        state = ca_mser_official.renamed(checked)
        settings = adapter_of(options.get("ssl"), adapter, adapter_rank, adapter_alpha)
        sizes, config = ca_mser_official.sizes(state), ca_mser_official.configuration(wav2vec2_config)
        with ca_mser_official.building():
            net = cls(config, **sizes, **options)
        ca_mser_official.check(net.plain_state(), state)
        net.to(state["classifier.weight"].dtype).load_state_dict({**state, "_extra_state": net.get_extra_state()})
        net._adapt(settings)
        return net

    def to_official(self) -> dict[str, Tensor]:
        """Give the state by the authors' names, without AlexNet's classifier, which is not built."""
        if self.adapter:
            raise UserError(f"adapter: expected null, as the authors' names have none, found {self.adapter['adapter']}")
        return ca_mser_official.official(self.plain_state())

    def plain_state(self) -> dict[str, Tensor]:
        """The state's tensors by name."""
        return {name: value for name, value in self.state_dict().items() if isinstance(value, Tensor)}


def _given(name: str, value: Tensor | None) -> Tensor:
    if value is None:
        raise ValueError(f"{name}: expected a tensor, as the variant uses it, found none")
    return value


def _choice(key: str, value: Any, choices: Any) -> Any:
    if value not in choices:
        names = ", ".join("null" if choice is None else choice for choice in choices)
        raise ValueError(f"{key}: expected one of {names}, found {value!r}")
    return value
