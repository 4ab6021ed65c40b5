"""Seconds of one epoch of AM-ResNet's second stage on features of IEMOCAP's size, through the Brain that trains it.

7400 segments with 63 frames x 64 of AM-ResNet and 63 frames x 768 of wav2vec 2.0, both in memory as a fold's are, batch
64. The data are random: it is the cost that is looked at. The ratio is the least epoch's CPU seconds to the limit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial

import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.data_pipeline import provides, takes
from speechbrain.utils.epoch_loop import EpochCounter

from speechbrain_ext.lobes.cross_attention import CrossAttentionClassifier
from speechbrain_ext.training.brain import EmotionBrain
from speechbrain_ext.training.brain_settings import BrainSettings
from speechbrain_ext.training.checkpoints import History, SafeCheckpointer
from speechbrain_ext.training.phase_model import PhaseModel

SEGMENTS, FRAMES, CLASSES, BATCH, LIMIT_S = 7400, 63, 4, 64, 60.0


def dataset(segments: int) -> DynamicItemDataset:
    """Random features of both branches; a segment has 20 to 63 real frames."""
    random = torch.Generator().manual_seed(1)
    am_resnet = torch.randn(segments, FRAMES, 64, generator=random)  # [segment, frame, feature]
    w2v2 = torch.randn(segments, FRAMES, 768, generator=random)  # [segment, frame, feature]
    counts = torch.randint(20, FRAMES + 1, (segments,), generator=random).tolist()
    classes = torch.randint(CLASSES, (segments,), generator=random).tolist()

    @takes("id")
    @provides("features")
    def features(name: str) -> dict[str, torch.Tensor]:
        number = int(name)
        count = counts[number]
        return {"am_resnet": am_resnet[number, :count], "w2v2": w2v2[number, :count]}

    shares = torch.eye(CLASSES)
    data = {f"{number}": {"target": target, "shares": shares[target]} for number, target in enumerate(classes)}
    return DynamicItemDataset(data, dynamic_items=[features], output_keys=["id", "target", "shares", "features"])


def brain_of(folder: str, history: History, on_epoch: Callable[[int], None]) -> EmotionBrain:
    """The Brain of stage 2 as the recipe configures it."""
    torch.manual_seed(1)
    network = CrossAttentionClassifier(n_classes=CLASSES, feature_a="am_resnet", feature_w="w2v2")
    more = {"history": history, "checkpoint_epochs": 10, "segments": True, "on_epoch": on_epoch}
    return EmotionBrain(
        {"model": PhaseModel(network, {})},
        partial(torch.optim.Adam, lr=0.001, betas=(0.93, 0.98)),
        BrainSettings(seed=1, batch_size=BATCH, phase_name="ca", **more),
        {"device": "cpu", "precision": "fp32", "max_grad_norm": 1e9, "noprogressbar": True},
        SafeCheckpointer(folder),
    )


def main() -> None:
    """Train some epochs, print the least one's seconds and the result line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=SEGMENTS, help=f"segments of an epoch (default: {SEGMENTS})")
    parser.add_argument("--rounds", type=int, default=5, help="epochs (default: 5)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    data = dataset(options.segments)
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        history, started = History(), time.process_time()

        def record_epoch(epoch: int) -> None:
            nonlocal started
            spent.append(time.process_time() - started)
            wall_s = history.rows[-1]["seconds"]
            print(
                f"epoch {epoch}: {spent[-1]:.1f} s CPU, {wall_s:.1f} s wall, loss {history.rows[-1]['train_loss']:.3f}"
            )
            started = time.process_time()

        brain = brain_of(folder, history, record_epoch)
        started = time.process_time()
        brain.fit(EpochCounter(options.rounds), data)
    ratio = min(spent) / LIMIT_S
    result = {
        "benchmark": "cross_attention_epoch",
        "ratio": round(ratio, 3),
        "limit": 1.0,
        "device": "cpu",
        "threads": 1,
    }
    print(
        "RESULT " + json.dumps({**result, "threads": 1, "segments": options.segments, "seconds": round(min(spent), 2)})
    )


if __name__ == "__main__":
    main()
