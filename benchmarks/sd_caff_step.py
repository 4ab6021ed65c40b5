"""Cost of one training step of SD-CAFF, as a ratio to the plain composition: time and peak memory, one thread.

Forward pass, joint loss, backward pass and Adam on a batch of 32 in float32, with the LSTM of the authors' code
(one direction, 1024 units, 180 features) and their places of the pools; `--bidirectional` takes 2 x 512 units. Both
sides hold the same weights. The plain side permutes in its dynamic ReLU and has an unfused optimiser. Times are taken
in turn in one process, and the minimum over the rounds counts; the peak of each side is that of a fresh process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"

import torch  # noqa: E402
from plain_sd_caff import PlainSDCAFF  # noqa: E402

from speechbrain_ext.lobes.sd_caff import SDCAFF  # noqa: E402
from speechbrain_ext.losses.joint import JointCenterLoss  # noqa: E402

BATCH, FRAMES, ROUNDS, STEPS_FOR_PEAK = 32, 251, 7, 3
LIMITS = {"ratio": 0.68, "memory_ratio": 0.8}


def side(name: str, bidirectional: bool) -> Callable[[], float]:
    """A function that does one step and returns its loss."""
    torch.manual_seed(1)
    plain = PlainSDCAFF(bidirectional)
    model = plain if name == "plain" else SDCAFF.from_official(plain.state_dict())
    loss = JointCenterLoss(4)
    parameters = [*model.parameters(), *loss.parameters()]
    kind = {"foreach": False} if name == "plain" else {"fused": True}
    optimiser = torch.optim.Adam(parameters, lr=5e-4, weight_decay=1e-6, **kind)
    mfcc, dynamic = torch.randn(BATCH, FRAMES, 60), torch.randn(BATCH, FRAMES, 180)
    emotion, gender = torch.randint(4, (BATCH,)), torch.randint(2, (BATCH,))

    def step() -> float:
        optimiser.zero_grad()
        total, _ = loss(model(mfcc, dynamic), emotion, gender)
        total.backward()
        optimiser.step()
        return total.item()

    return step


def peak_mib(name: str, bidirectional: bool) -> tuple[float, float]:
    """Peak of the resident memory of a fresh process, and that before its first step."""
    command = [sys.executable, __file__, "--peak-of", name] + ["--bidirectional"] * bidirectional
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(printed[-2]), float(printed[-1])


def resident_mib() -> float:
    """The highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tell_peak(name: str, bidirectional: bool) -> None:
    """Run a few steps; print the peak and what it was before them."""
    step = side(name, bidirectional)
    before = resident_mib()
    for _ in range(STEPS_FOR_PEAK):
        step()
    print(resident_mib(), before)


def main() -> None:
    """Measure, print a table and the result line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bidirectional", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peak-of", choices=["plain", "SDCAFF"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.peak_of:
        return tell_peak(asked.peak_of, asked.bidirectional)
    peaks = {name: peak_mib(name, asked.bidirectional) for name in ("plain", "SDCAFF")}
    steps = {name: side(name, asked.bidirectional) for name in peaks}
    least = dict.fromkeys(steps, float("inf"))
    for turn in range(asked.rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            step()
            if turn:
                least[name] = min(least[name], time.process_time() - start)
    print(f"one step, batch {BATCH}, CPU, one thread, least of {asked.rounds}{'ms':>9}{'peak MiB':>10}{'of steps':>10}")
    for name, seconds in least.items():
        peak, before = peaks[name]
        print(f"{name:<48}{seconds * 1e3:>9.0f}{peak:>10.0f}{peak - before:>10.0f}")
    ratio, memory = least["SDCAFF"] / least["plain"], peaks["SDCAFF"][0] / peaks["plain"][0]
    result = {"benchmark": "sd_caff_step", "ratio": round(ratio, 3), "memory_ratio": round(memory, 3)}
    result |= {"limits": LIMITS, "bidirectional": asked.bidirectional, "device": "cpu", "threads": 1}
    print("RESULT " + json.dumps({**result, "torch": torch.__version__, "machine": platform.machine()}))


if __name__ == "__main__":
    main()
