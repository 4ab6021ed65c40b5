"""Cost of one training step of the peephole BLSTM on one thread: against `torch.nn.LSTM`, and with memory that is kept.

All sides run in turn in one process; the minimum of the CPU times counts. The third side reuses the memory of the
step before, which shows whether a pool of memory would pay. The process runs once with the settings of glibc's malloc
that every training process gets (`workers.KEEP_MEMORY`), and once without them. On a GPU, where there is one, the
other side is cuDNN.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager

import torch
from torch import Tensor

from speechbrain_ext.lobes.kernels import peephole_kernel
from speechbrain_ext.lobes.peephole_lstm import PeepholeBLSTM
from speechbrain_ext.training.fold import torch_settings
from speechbrain_ext.utils.workers import KEEP_MEMORY

BATCH, FRAMES, FEATURES, HIDDEN, ROUNDS = 64, 300, 76, 128, 9
LSTM, PLAIN, KEPT = "torch.nn.LSTM", "PeepholeBLSTM", "PeepholeBLSTM, memory kept"


class KeptMemory:
    """Gives the same tensors in every step; each step ends before the next one begins."""

    def __init__(self) -> None:
        self.tensors: dict[tuple, list[Tensor]] = {}

    def __call__(self, like: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
        """Tensors of these shapes, allocated at the first call only."""
        if shapes not in self.tensors:
            self.tensors[shapes] = [like.new_empty(shape) for shape in shapes]
        return self.tensors[shapes]


@contextmanager
def memory(kept: KeptMemory | None):
    """Let the kernel take its memory from there; None: as it is."""
    plain = peephole_kernel._memory
    peephole_kernel._memory = kept or plain
    try:
        yield
    finally:
        peephole_kernel._memory = plain


def step(net: torch.nn.Module, x: Tensor) -> None:
    """One forward and backward pass."""
    net.zero_grad(set_to_none=True)
    output = net(x)
    output = output[0] if isinstance(output, tuple) else output
    output.square().mean().backward()
    if x.is_cuda:
        torch.cuda.synchronize()


def measure(sides: dict[str, torch.nn.Module], x: Tensor) -> dict[str, float]:
    """Least seconds of each side; CPU time of the process, or wall time on a GPU."""
    clock: Callable[[], float] = time.perf_counter if x.is_cuda else time.process_time
    least = dict.fromkeys(sides, float("inf"))
    kept = KeptMemory()
    for turn in range(ROUNDS + 1):
        for name, net in sides.items():
            with memory(kept if name == KEPT else None):
                start = clock()
                step(net, x)
                if turn:
                    least[name] = min(least[name], clock() - start)
    return least


def run(device: str, limit: float) -> None:
    """Measure on one device; print a table and the result line."""
    torch.manual_seed(1)
    ours = PeepholeBLSTM(FEATURES, HIDDEN).to(device)
    sides = {
        LSTM: torch.nn.LSTM(FEATURES, HIDDEN, batch_first=True, bidirectional=True).to(device),
        PLAIN: ours,
        KEPT: ours,
    }
    with torch_settings(1):
        least = measure(sides, torch.randn(BATCH, FRAMES, FEATURES, device=device))
    settings = "on" if KEEP_MEMORY.items() <= os.environ.items() else "off"
    print(f"batch {BATCH}, {FRAMES} frames, hidden {HIDDEN}, on {device}, settings of malloc {settings}")
    print(f"{'forward + backward':<30}{'ms':>8}")
    for name, seconds in least.items():
        print(f"{name:<30}{seconds * 1e3:>8.1f}")
    ratio, kept = least[PLAIN] / least[LSTM], least[KEPT] / least[PLAIN]
    result = {"benchmark": "peephole_lstm", "ratio": round(ratio, 3), "limit": limit, "kept_ratio": round(kept, 3)}
    result |= {"malloc_settings": settings, "device": device, "threads": 1, "torch": torch.__version__}
    print("RESULT " + json.dumps(result), flush=True)


def main() -> None:
    """Measure on a GPU where there is one, then on the CPU without and with the settings of malloc."""
    torch.set_num_threads(1)
    if "--cpu" in sys.argv:
        return run("cpu", limit=1.2)
    if torch.cuda.is_available():
        run("cuda", limit=3.0)
    # A process reads these settings when it starts.
    for settings in ({}, KEEP_MEMORY):
        others = {name: value for name, value in os.environ.items() if name not in KEEP_MEMORY}
        subprocess.run([sys.executable, __file__, "--cpu"], check=True, env=others | settings)


if __name__ == "__main__":
    main()
