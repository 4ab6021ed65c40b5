"""Tiny self-supervised models with random weights, written to a folder as their owners ship them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers

LAYERS, SIZE = 2, 16
KINDS = {
    "wav2vec2-group": ("Wav2Vec2", {"feat_extract_norm": "group"}),
    "wav2vec2-layer": ("Wav2Vec2", {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}),
    "hubert": ("Hubert", {"feat_extract_norm": "group"}),
    "hubert-layer": ("Hubert", {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}),
    "wavlm": ("WavLM", {"feat_extract_norm": "group"}),
    "wavlm-layer": ("WavLM", {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}),
}


def small_config(layerdrop: float) -> dict:
    """Fields of a wav2vec 2.0 as small as the models written here."""
    return {
        "hidden_size": SIZE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": [8] * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
        "layerdrop": layerdrop,
    }


def waves(*samples: int, seed: int = 0, mean: float = 0.0):
    """Noise of so many samples each, as features and lengths of a batch."""
    generator = torch.Generator().manual_seed(seed)
    batch = torch.zeros(len(samples), max(samples), 1)
    for row, count in enumerate(samples):
        batch[row, :count, 0] = 0.1 * torch.randn(count, generator=generator) + mean
    return {"waveform": batch}, {"waveform": torch.tensor(samples)}


def write_tiny(folder: Path, kind: str = "wav2vec2-group", seed: int = 0, do_normalize: bool = True) -> Path:
    """Write config.json, model.safetensors and preprocessor_config.json of a model with 2 layers of width 16.

    Layer drop, dropout and masking are on, as in the models of the hub.
    """
    family, norm = KINDS[kind]
    config = getattr(transformers, f"{family}Config")(
        hidden_size=SIZE,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        layerdrop=0.5,
        hidden_dropout=0.1,
        **norm,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        getattr(transformers, f"{family}Model")(config).save_pretrained(folder)
    preprocessor = {"do_normalize": do_normalize, "sampling_rate": 16000, "feature_size": 1, "padding_value": 0.0}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return folder
