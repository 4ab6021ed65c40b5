"""Features of frozen self-supervised models, and the waveform for those that are fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from speechbrain_ext.features import ssl_models
from speechbrain_ext.features.extractor import Extractor, one_thread
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject

if TYPE_CHECKING:
    from torch import Tensor


class FramesOfModel(Extractor):
    """A feature that a frozen `model` computes."""

    model: ssl_models.SSLModel
    pretrained = True
    package = "transformers"
    column = "ssl"

    def identity(self) -> JsonObject:
        """Say in clear what decides the values: the model's own content, wherever it lies."""
        return {**super().identity(), "params": {**self.params, "ssl_model": self.model.identity}}


class SSLLayerMeans(FramesOfModel):
    """Mean over time of every hidden state of a frozen model, one row a state.

    A row is no frame, so nothing is cut, filled or normalised. A network that weights the
    layers and takes the mean over time gets the same from these means as from the frames:
    both are linear, and their order does not matter. The model sees one entire utterance
    at a time, in evaluation mode, so neither batch mates nor padding can change a value.

    Arguments
    ---------
    ssl_model : str
        A folder, or a hub's `owner/name[@revision]`, of wav2vec 2.0, HuBERT or WavLM.

    Source
    ------
    Yang et al., Interspeech 2021 (SUPERB), section 2: frozen models, weighted hidden states.
    """

    name = "ssl_layer_means"
    version = 1
    hop_s = 0.0  # no hop: the rows are layers
    normalised = False

    def __init__(self, ssl_model: str) -> None:
        super().__init__(ssl_model=str(ssl_model))
        self.model = ssl_models.find(str(ssl_model))
        self.dim = self.model.size

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the means of a finite, non-empty float32 signal, [layers + 1, dim]."""
        import torch

        check_length(signal)
        with one_thread(), torch.inference_mode():
            wave = prepare(torch.from_numpy(signal.copy()), self.model.normalise)  # [samples]
            states = hidden_states(frozen(self.model), wave[None])
            means = torch.stack([state[0].mean(0) for state in states])  # [layers + 1, dim]
        return means.numpy()


class Waveform(Extractor):
    """The samples themselves, one a frame, for models that are trained on raw audio.

    Example
    -------
    >>> Waveform()(np.zeros(1600, dtype=np.float32)).shape
    (1600, 1)
    """

    name = "waveform"
    version = 1
    dim = 1
    hop_s = 1 / 16000
    normalised = False

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Give the samples as [samples, 1]."""
        check_length(signal)
        return signal[:, None]  # [samples, 1]


def check_length(signal: np.ndarray) -> None:
    """Refuse a signal that is shorter than one frame of the models."""
    if len(signal) < ssl_models.MIN_SAMPLES:
        raise UserError(f"expected at least {ssl_models.MIN_SAMPLES} samples (25 ms), found {len(signal)}")


def prepare(wave: Tensor, normalise: bool) -> Tensor:
    """Bring one utterance's real samples [samples] to mean 0 and variance 1 where the model asks for it.

    Example
    -------
    >>> import torch
    >>> prepare(torch.tensor([1.0, 3.0]), True).tolist()
    [-1.0, 1.0]
    """
    if not normalise:
        return wave
    return (wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt()


def hidden_states(model: Any, waves: Tensor, mask: Tensor | None = None) -> list[Tensor]:
    """Run a model and give its hidden states, [batch, frame, feature] each.

    The last one is the encoder's output: models with layer normalisation in front of each
    layer normalise once more after the last, and that norm would otherwise see no gradient.

    Arguments
    ---------
    model : transformers.PreTrainedModel
    waves : Tensor
        [batch, samples], each utterance prepared on its own.
    mask : Tensor or None
        [batch, samples], 1 where a sample is real.
    """
    output = model(waves, attention_mask=mask, output_hidden_states=True)
    return [*output.hidden_states[:-1], output.last_hidden_state]


class KeptNetwork:
    """Loads models in evaluation mode and without gradients, and keeps the last one: they are large."""

    def __init__(self) -> None:
        self.key: tuple[str, str] | None = None
        self.network: Any = None

    def __call__(self, model: ssl_models.SSLModel) -> Any:
        """The network of a model; loaded again only after another model, or after `forget`."""
        key = (str(model.folder), model.identity)
        if key != self.key:
            self.forget()
            self.network = model.load().eval().requires_grad_(False)
            self.key = key
        return self.network

    def forget(self) -> None:
        """Let go of the network."""
        self.key = self.network = None


# One a process: a worker computes many utterances with one model.
frozen = KeptNetwork()
