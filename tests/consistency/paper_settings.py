"""Settings of every system, typed from the papers; where a paper is silent, the reading or the authors' code.

A value without a remark stands in the paper; (r) is a reading, (c) is from the authors' public code.
"""

from __future__ import annotations

from typing import Any

FOUR = ["anger", "happiness", "neutral", "sadness"]
SEVEN = ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
CORPORA = ("EmoDB", "IEMOCAP", "MSP-IMPROV")

# Li and Zhang 2024: sections 2.2, 3.1.1 and 3.1.2, Table 1.
AM_RESNET: dict[str, Any] = {
    "segment_s": 4.0,
    "pad": "mask",
    "silent_segments": "leave_out",  # (r)
    "madd_window_samples": 400,  # (r)
    "madd_factor": 5.0,  # (r) the paper prints no value
    "madd_floor": "nonzero",  # (r)
    "channels": 64,
    "kernel": 7,
    "strides": [4, 4, 4, 4, 4],  # (r)
    "bn_statistics": "all",  # (r)
    "mask_pool": "paper",
    "optimizer": "SGD",
    "optimizer_options": {"momentum": 0.9},
    "lr": 0.01,
    "weight_decay": 0.00001,
    "batch_size": 32,
    "epochs": 400,
    "schedule_scale": 1.0,
    "early_stopping_epochs": 0,  # (r)
}
# The same, sections 2.3, 2.4 and 3.1.2.
AM_RESNET_W2V2_CA = AM_RESNET | {
    "variant": "ca",
    "ssl_model": "facebook/wav2vec2-base-960h",
    "ssl_layers": "last",
    "attention_size": 64,  # (r)
    "ffn_size": 256,  # (r)
    "attention_dropout": 0.1,  # (r)
    "fusion_lr": 0.001,
    "fusion_batch_size": 64,
    "fusion_epochs": 300,
}
# Chen et al. 2023: sections 4.2, 4.3 and 4.5.
AMSNET = {
    "variant": "full",
    "pad": "mask",  # (r) differs
    "lld_size": 76,
    "hidden_size": 128,
    "attention_dropout": 0.5,  # (r)
    "dimension_shuffle": False,  # (r) differs
    "n_mels": 128,  # (r)
    "window_samples": 800,
    "hop_samples": 400,
    "channels": [512, 256, 128],
    "kernels": [8, 5, 3],
    "reduction": 16,
    "embedding_size": 128,
    "head_sizes": [64, 8],
    "optimizer": "RMSprop",
    "lr": 0.0001,  # 5e-5 to 1e-4
    "weight_decay": 0.0,  # (r)
    "scheduler": None,  # (r)
    "early_stopping_epochs": 0,  # (r)
    "speaker_normalisation": False,
}
AMSNET_5_S = AMSNET | {"duration_s": 5.0, "batch_size": 64, "epochs": 100}  # (r) 100 epochs
AMSNET_3_S = AMSNET | {"duration_s": 3.0, "batch_size": 256, "epochs": 200}  # (r) 200 epochs
# Dong, Peng and Che: sections 2 and 3.2.
SD_CAFF = {
    "variant": "full",
    "segment_s": 6.0,  # (c)
    "silence_removal": True,  # (c)
    "silence_bug": False,
    "delta_axis": "time",  # equation 1
    "oversample_classes": [],
    "dynamic": "M+D",  # Table 1
    "pool": "after",  # section 2.2: after the convolution, before the norm
    "activation": "dynamic",
    "bidirectional": True,
    "hidden_size": 1024,  # (c)
    "inner": 32,  # (c)
    "dropout": 0.1,  # (c)
    "gender": True,
    "center": True,
    "mu": 0.7,
    "center_weight": 0.15,
    "center_lr": 0.1,
    "center_gradient": "effective",  # (r) lr_cent is the effective rate
    "optimizer": "Adam",
    "lr": 0.005,
    "weight_decay": 0.000001,  # (c)
    "batch_size": 32,
    "epochs": 30,
    "schedule_scale": 1.0,
}
SD_CAFF_OFFICIAL = SD_CAFF | {  # all (c)
    "silence_bug": True,
    "delta_axis": "coefficient",
    "dynamic": "M+D+DD",
    "pool": "before",
    "bidirectional": False,
    "center_lr": None,
    "center_gradient": "official",
    "shared_relu4": True,
    "segments": "first",
    "lr": 0.0005,
}
# Zou et al. 2022: sections 2.2, 2.3 and 3.2.
CA_MSER = {
    "variant": "mfcc_spectrogram_w2e_coatt",
    "segment_s": 3.0,
    "pre_emphasis": 0.0,
    "spectrogram_pad": "floor",
    "audio_pad_side": "back",
    "audio_normalise": "speech",
    "utterance": "posteriors",
    "ssl_model": "facebook/wav2vec2-base-960h",
    "freeze_extractor": False,
    "alexnet_weights": "imagenet",
    "coatt_from": "both",
    "activation": None,  # equation 4
    "mfcc_norm": "l2",  # (c)
    "dropout": 0.1,
    "lstm_dropout": 0.5,
    "optimizer": "AdamW",
    "lr": 0.00001,
    "weight_decay": 0.01,  # (c)
    "batch_size": 64,
    "epochs": 100,  # (c)
    "early_stopping_epochs": 8,
    "scheduler": None,  # (c)
}
CA_MSER_OFFICIAL = CA_MSER | {  # all (c)
    "pre_emphasis": 0.97,
    "spectrogram_pad": "loudest",
    "audio_pad_side": "front",
    "audio_normalise": "segment",
    "utterance": "log_posteriors",
    "activation": "relu",
}

# By recipe, system and preset; where a paper has no values for a corpus, those of its own corpus.
SETTINGS: dict[tuple[str, str, str], dict[str, Any]] = {
    **{
        (corpus, system, preset): values
        for corpus in CORPORA
        for system, preset, values in (
            ("am_resnet", "paper", AM_RESNET | {"variant": "am_resnet", "pool": "all"}),  # (r) pool
            ("am_resnet_w2v2_ca", "paper", AM_RESNET_W2V2_CA),
            ("sd_caff", "paper", SD_CAFF),
            ("sd_caff", "official", SD_CAFF_OFFICIAL),
            ("ca_mser", "paper", CA_MSER),
            ("ca_mser", "official", CA_MSER_OFFICIAL),
        )
    },
    ("EmoDB", "amsnet", "paper"): AMSNET_3_S,
    ("IEMOCAP", "amsnet", "paper"): AMSNET_5_S,
    ("MSP-IMPROV", "amsnet", "paper"): AMSNET_5_S,
    ("IEMOCAP", "sd_caff", "official"): SD_CAFF_OFFICIAL | {"oversample_classes": ["anger"]},
}

# What is recognised, and the protocol, where a paper has values for the corpus.
TASKS: dict[tuple[str, str, str], dict[str, Any]] = {
    ("IEMOCAP", "am_resnet", "paper"): {
        "classes": FOUR,
        "merge_excited": False,  # (r) from the printed accuracies
        "clear": "consensus",  # (r)
        "soft_target": "votes",
        "soft_target_alpha": 0.0,  # (r)
        "train_utterances": "clear+ambiguous",
        "scenarios": [],
        "protocol": "speaker",
    },
    ("IEMOCAP", "am_resnet_w2v2_ca", "paper"): {
        "classes": FOUR,
        "merge_excited": True,  # (r) from the printed accuracies
        "clear": "consensus",  # (r)
        "soft_target": "votes",
        "soft_target_alpha": 0.0,  # (r)
        "train_utterances": "clear+ambiguous",
        "scenarios": [],
        "protocol": "speaker",
    },
    ("EmoDB", "amsnet", "paper"): {"classes": SEVEN, "protocol": "random5", "soft_target": "majority"},
    ("IEMOCAP", "amsnet", "paper"): {
        "classes": FOUR,
        "merge_excited": True,
        "protocol": "random5",
        "soft_target": "majority",
        "scenarios": [],
    },
    ("IEMOCAP", "sd_caff", "paper"): {
        "classes": FOUR,
        "merge_excited": True,
        "scenarios": ["improvised"],
        "protocol": "random5",
    },
    ("IEMOCAP", "sd_caff", "official"): {  # (c)
        "classes": ["anger", "excited", "neutral", "sadness"],
        "merge_excited": False,
        "scenarios": ["improvised"],
        "protocol": "random5",
    },
    ("MSP-IMPROV", "sd_caff", "paper"): {
        "classes": FOUR,
        "parts": ["S"],  # (r)
        "emotion": "perceived",
        "protocol": "random5",
    },
    ("MSP-IMPROV", "sd_caff", "official"): {
        "classes": FOUR,
        "parts": ["S"],  # (r)
        "emotion": "intended",  # (c)
        "protocol": "random5",
    },
    ("IEMOCAP", "ca_mser", "paper"): {
        "classes": FOUR,
        "merge_excited": True,
        "scenarios": [],
        "protocol": "speaker",
    },
    ("IEMOCAP", "ca_mser", "official"): {
        "classes": FOUR,
        "merge_excited": True,
        "scenarios": [],
        "protocol": "speaker",
    },
}
