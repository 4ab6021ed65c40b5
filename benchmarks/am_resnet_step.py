"""Cost of one training step of the mask residual network against the plain one, and its throughput.

Forward, backward and optimiser on a batch of 4 s segments of noise with silences; all variants run in turn in one
process, and the minimum over the rounds counts: CPU seconds of one thread, or wall seconds on a GPU, there in fp32 and
in bf16.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from speechbrain_ext.lobes.masked_resnet import VARIANTS, MaskedResNet

SAMPLES, CLASSES, RATE_HZ = 64000, 4, 16000
LIMIT = 2.5


def batch_of(size: int, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Waveforms [batch, samples, 1] in which a fifth is silent, real samples [batch], classes [batch]."""
    random = torch.Generator().manual_seed(1)
    waveform = 0.1 * torch.randn(size, SAMPLES, generator=random)  # [batch, samples]
    silent = torch.rand(size, SAMPLES // 3200, generator=random) < 0.2  # [batch, stretch]
    waveform = waveform.masked_fill(silent.repeat_interleave(3200, dim=1), 0)
    lengths = torch.full((size,), SAMPLES)
    classes = torch.randint(CLASSES, (size,), generator=random)
    return waveform[..., None].to(device), lengths.to(device), classes.to(device)


class Side:
    """One variant in training, as the recipe trains it."""

    def __init__(self, variant: str, device: str, bf16: bool) -> None:
        torch.manual_seed(1)
        self.net = MaskedResNet(n_classes=CLASSES, variant=variant, max_samples=SAMPLES).to(device)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-5)
        self.device, self.bf16 = device, bf16

    def step(self, waveform: torch.Tensor, lengths: torch.Tensor, classes: torch.Tensor) -> None:
        """Forward, backward and one step of the optimiser."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            logits = self.net({"waveform": waveform}, {"waveform": lengths})["logits"]
        torch.nn.functional.cross_entropy(logits.float(), classes).backward()
        self.optimizer.step()
        if self.device == "cuda":
            torch.cuda.synchronize()


def run(device: str, bf16: bool, size: int, rounds: int) -> None:
    """Measure on one device; print a table and the result line."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    sides = {variant: Side(variant, device, bf16) for variant in VARIANTS}
    batch = batch_of(size, device)
    least = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds + 1):
        for name, side in sides.items():
            start = clock()
            side.step(*batch)
            least[name] = min(least[name], clock() - start)
    precision = "bf16" if bf16 else "fp32"
    print(f"{device}, {precision}, batch {size} x {SAMPLES / RATE_HZ:g} s{'s / step':>16}{'segments / s':>12}")
    for name, seconds in least.items():
        print(f"{name:<26}{seconds:>14.3f}{size / seconds:>12.1f}")
    ratio = least["m_resnet"] / least["resnet"]
    result = {"benchmark": "am_resnet_step", "ratio": round(ratio, 3), "limit": LIMIT, "device": device, "threads": 1}
    shown = {name: round(seconds, 4) for name, seconds in least.items()}
    print("RESULT " + json.dumps({**result, "precision": precision, "batch": size, "seconds": shown}))


def main() -> None:
    """Measure on a GPU where there is one, then on the CPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32, help="segments in a batch (default: 32, the paper's)")
    parser.add_argument("--rounds", type=int, default=5, help="measured steps of each side (default: 5)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if torch.cuda.is_available():
        for bf16 in (False, True):
            run("cuda", bf16, options.batch, options.rounds)
    run("cpu", False, options.batch, options.rounds)


if __name__ == "__main__":
    main()
