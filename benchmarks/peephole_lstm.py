"""Cost of one training step of the peephole BLSTM, as a ratio to `torch.nn.LSTM`, one thread.

Both sides run in turn in one process; the minimum over the rounds counts. On a
GPU, where there is one, the other side is cuDNN.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import torch

from speechbrain_ext.lobes.peephole_lstm import PeepholeBLSTM

BATCH, FRAMES, FEATURES, HIDDEN, ROUNDS = 64, 300, 76, 128, 9


def step(net: torch.nn.Module, x: torch.Tensor) -> None:
    """One forward and backward pass."""
    net.zero_grad(set_to_none=True)
    output = net(x)
    output = output[0] if isinstance(output, tuple) else output
    output.square().mean().backward()
    if x.is_cuda:
        torch.cuda.synchronize()


def measure(sides: dict[str, torch.nn.Module], x: torch.Tensor) -> dict[str, float]:
    """Least seconds of each side; CPU time of the process, or wall time on a GPU."""
    clock: Callable[[], float] = time.perf_counter if x.is_cuda else time.process_time
    least = dict.fromkeys(sides, float("inf"))
    for _ in range(ROUNDS + 1):
        for name, net in sides.items():
            start = clock()
            step(net, x)
            least[name] = min(least[name], clock() - start)
    return least


def run(device: str, limit: float) -> None:
    """Measure on one device; print a table and the result line."""
    torch.manual_seed(1)
    sides = {
        "torch.nn.LSTM": torch.nn.LSTM(FEATURES, HIDDEN, batch_first=True, bidirectional=True).to(device),
        "PeepholeBLSTM": PeepholeBLSTM(FEATURES, HIDDEN).to(device),
    }
    least = measure(sides, torch.randn(BATCH, FRAMES, FEATURES, device=device))
    ratio = least["PeepholeBLSTM"] / least["torch.nn.LSTM"]
    print(f"{'forward + backward':<20}{'ms':>8}   on {device}, batch {BATCH}, {FRAMES} frames, hidden {HIDDEN}")
    for name, seconds in least.items():
        print(f"{name:<20}{seconds * 1e3:>8.1f}")
    result = {"benchmark": "peephole_lstm", "ratio": round(ratio, 3), "limit": limit, "device": device, "threads": 1}
    print("RESULT " + json.dumps({**result, "torch": torch.__version__}))


def main() -> None:
    """Measure on a GPU where there is one, then on the CPU."""
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        run("cuda", limit=3.0)
    run("cpu", limit=1.2)


if __name__ == "__main__":
    main()
