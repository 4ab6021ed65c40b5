"""The papers' numbers, typed from the papers: WA and UAR (the papers' UA) in per cent, None where there is no number.

Where the copy of a paper at hand lost decimals, a number is typed from another table of the same paper or is None.
"""

from __future__ import annotations

Scores = tuple[float | None, float | None]
NONE: Scores = (None, None)

# Li and Zhang 2024, Table 3 (WA of ResNet, UAR of both), Table 4 (WA of M-ResNet), Table 5 (the others):
# folds in the order of the paper, WA then UAR.
SPEAKERS = (
    "Session1F", "Session1M", "Session2F", "Session2M", "Session3F",
    "Session3M", "Session4F", "Session4M", "Session5F", "Session5M",
)  # fmt: skip
FOLDS: dict[str, tuple[tuple[float | None, ...], tuple[float, ...]]] = {
    "ResNet": (
        (73.12, 66.25, 69.09, 66.12, 68.78, 63.31, 73.80, 66.59, 64.37, 63.59),
        (72.57, 68.53, 70.59, 73.01, 64.34, 64.38, 63.48, 66.10, 62.87, 59.71),
    ),
    "M-ResNet": (
        (75.27, 68.97, 71.43, 63.79, 66.25, 67.11, 68.45, 66.35, 65.75, 65.44),
        (73.95, 69.93, 74.41, 72.31, 64.87, 63.94, 62.17, 68.20, 64.32, 63.29),
    ),
    "AM-ResNet": (
        (73.12, 69.81, 71.43, 68.69, 71.31, 63.88, 74.06, 66.83, 66.13, 66.13),
        (72.19, 71.22, 72.32, 74.05, 69.33, 64.20, 64.85, 67.07, 63.82, 60.35),
    ),
    "+W2V2+FC": (
        (68.75, 65.53, 70.69, 62.92, 63.22, 59.62, 65.91, 60.04, 63.39, 57.30),
        (68.94, 69.12, 71.01, 67.14, 62.29, 59.87, 64.08, 63.51, 66.72, 59.71),
    ),
    "+W2V2+CA": (
        (None,) * 10,
        (77.37, 73.02, 79.29, 77.77, 68.61, 64.49, 70.10, 72.30, 72.79, 66.39),
    ),
}

# Dong, Peng and Che, Table 3: recall of neutral, sadness, anger, happiness.
RECALLS = {
    "CNN": (80.70, 77.14, 66.09, 65.91),
    "LSTM": (77.25, 76.64, 58.48, 56.41),
    "concat": (82.80, 77.14, 62.28, 66.97),
    "SD-CAFF": (83.99, 79.61, 66.44, 66.82),
}

AMSNET_FIGURE_6 = {f"{optimizer} {size}": NONE for optimizer in ("RMSprop", "Adam", "SGD") for size in (64, 128, 256)}
AMSNET_FIGURE_7 = {f"hidden {size}": NONE for size in (32, 64, 128, 256, 512, 1024)}
SD_CAFF_ROWS = ("CNN", "LSTM", "concat", "SD-CAFF", "DD-CAFF", "SS-CAFF")

TABLES: dict[str, dict[str, dict[str, Scores]]] = {
    "EmoDB": {
        # Chen et al. 2023
        "amsnet/2": {"AMSNet": (88.34, 88.56)},
        "amsnet/3": {
            "r = 2": (None, 87.94),
            "r = 4": (None, 88.32),
            "r = 8": (None, 88.59),
            "r = 16": (None, 88.54),
            "r = 32": (None, 88.42),
        },
        "amsnet/5": {
            "early fusion": (85.63, 86.32),
            "FRLM": (84.14, 84.46),
            "URLM": (84.21, 84.52),
            "concat": (88.15, 87.02),
            "AMSNet": (88.34, 88.56),
        },
        "amsnet/figure4": {"AMSNet": NONE},
        "amsnet/figure6": AMSNET_FIGURE_6,
        "amsnet/figure7": AMSNET_FIGURE_7,
        "amsnet_tuned/1": dict.fromkeys(("short schedule", "short + regularised", "regularised + speaker-norm"), NONE),
        "sd_caff/3": dict.fromkeys(SD_CAFF_ROWS, NONE),
    },
    "IEMOCAP": {
        # Li and Zhang 2024
        "am_resnet/2": {
            "AM-ResNet clear, 4490": (67.35, None),
            "AM-ResNet clear, 5531": NONE,
            "+W2V2+CA clear, 4490": NONE,
            "+W2V2+CA clear, 5531": (68.36, None),
            "AM-ResNet clear+ambiguous, 4490": (68.87, 67.90),
            "AM-ResNet clear+ambiguous, 5531": NONE,
            "+W2V2+CA clear+ambiguous, 4490": NONE,
            "+W2V2+CA clear+ambiguous, 5531": (70.79, 72.21),
        },
        "am_resnet/3": {
            "ResNet, 4490": (67.50, 66.56),
            "ResNet, 5531": NONE,
            "M-ResNet, 4490": (67.88, 67.74),
            "M-ResNet, 5531": NONE,
        },
        "am_resnet/4": {
            "M-ResNet, 4490": (67.88, 67.74),
            "M-ResNet, 5531": NONE,
            "AM-ResNet, 4490": (68.87, 67.90),
            "AM-ResNet, 5531": NONE,
        },
        "am_resnet/5": {
            "AM-ResNet, 4490": (68.87, 67.90),
            "AM-ResNet, 5531": NONE,
            "+W2V2+FC, 4490": NONE,
            "+W2V2+FC, 5531": (63.74, 65.24),
            "+W2V2+CA, 4490": NONE,
            "+W2V2+CA, 5531": (70.79, 72.21),
        },
        # Chen et al. 2023
        "amsnet/2": {"AMSNet": (69.22, 70.51)},
        "amsnet/3": {
            "r = 2": (None, 70.34),
            "r = 4": (None, 70.41),
            "r = 8": (None, 70.53),
            "r = 16": (None, 70.51),
            "r = 32": (None, 70.39),
        },
        "amsnet/4": {
            "early fusion": (65.69, 66.36),
            "FRLM": (65.02, 64.60),
            "URLM": (67.43, 67.92),
            "concat": (68.94, 69.21),
            "AMSNet": (69.22, 70.51),
        },
        "amsnet/figure4": {"AMSNet": NONE},
        "amsnet/figure6": AMSNET_FIGURE_6,
        "amsnet/figure7": AMSNET_FIGURE_7,
        # Zou et al. 2022
        "ca_mser/1": {"5-fold": (69.80, 71.05), "10-fold": (71.64, 72.70)},
        "ca_mser/2": {
            "MFCC": (57.60, 58.09),
            "Spec": (62.13, 62.25),
            "W2E": (64.03, 65.67),
            "M+W": (64.62, 65.93),
            "S+W": (66.20, 67.22),
            "M+S+W": (67.22, 67.81),
            "W, co-attention": (67.55, 68.65),
            "M+W, co-attention": (69.11, 70.30),
            "S+W, co-attention": (70.05, 71.30),
            "M+S+W, co-attention": (71.64, 72.70),
        },
        # Dong, Peng and Che
        "sd_caff/1": {
            "M": (75.06, 74.05),
            "D": (73.80, 72.07),
            "DD": (73.18, 71.94),
            "D+DD": (74.39, 73.36),
            "M+D": (75.77, 74.89),
            "M+DD": (75.37, 73.96),
            "M+D+DD": (74.96, 73.99),
        },
        "sd_caff/2": {"SD-CAFF": (75.78, 74.89)},
        "sd_caff/3": {
            "CNN": (73.81, 73.06),
            "LSTM": (69.18, 67.81),
            "concat": (74.07, 73.17),
            "SD-CAFF": (75.78, 74.89),
            "DD-CAFF": NONE,
            "SS-CAFF": NONE,
        },
    },
    # The abstract: Table 2 repeats IEMOCAP's numbers in the cells of this corpus.
    "MSP-IMPROV": {"sd_caff/2": {"SD-CAFF": (56.77, 56.30)}},
}

# The key `paper` of recipes/<CORPUS>/hparams/<system>.yaml: table, row, WA, UAR; every other one is null.
HPARAMS: dict[tuple[str, str], tuple[str, str, float, float]] = {
    ("EmoDB", "amsnet"): ("2", "AMSNet", 88.34, 88.56),
    ("IEMOCAP", "am_resnet"): ("5", "AM-ResNet", 68.87, 67.90),
    ("IEMOCAP", "am_resnet_w2v2_ca"): ("5", "+W2V2+CA", 70.79, 72.21),
    ("IEMOCAP", "amsnet"): ("2", "AMSNet", 69.22, 70.51),
    ("IEMOCAP", "ca_mser"): ("1", "10-fold", 71.64, 72.70),
    ("IEMOCAP", "sd_caff"): ("2", "IEMOCAP", 75.78, 74.89),
    ("MSP-IMPROV", "sd_caff"): ("2", "MSP-IMPROV", 56.77, 56.30),
}
