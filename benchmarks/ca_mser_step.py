"""Cost of one training step of CA-MSER, as a ratio to the plain composition of its parts, one thread.

The plain side runs AlexNet's unused classifier, reads three equal image channels, and has transformers'
own wav2vec 2.0 and an AdamW that is not fused. Frozen, it runs the encoder in every step, where ours
reads its cached frames. Weights are random, layer drop is 0 on both sides so that both do equal work,
dropout and masking are on. Both sides run in turn in one process; the minimum of the CPU times counts.
Peak memory is each side's largest resident set in a process of its own, all that Python imports included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.ca_mser import CAMSER, FRAMES, MFCC_FRAMES
from speechbrain_ext.lobes.ssl_encoder import encoder_of

LIMITS = {"finetune": 0.95, "frozen": 0.35}
MEMORY_LIMIT = 0.8
CONFIG = {"layerdrop": 0.0}  # the other defaults are those of wav2vec2-base
MIB = 1024 * 1024 if sys.platform == "darwin" else 1024  # of ru_maxrss


class Plain(nn.Module):
    """The network without what makes ours fast.

    Arguments
    ---------
    config : dict
        Fields of the encoder's configuration.
    ssl : str
        "finetune" or "frozen".
    """

    def __init__(self, config: dict, ssl: str) -> None:
        super().__init__()
        self.net = CAMSER(None, ssl=ssl, w2e_size=config.get("hidden_size", 768))
        self.encoder = encoder_of(config).train().requires_grad_(ssl == "finetune")
        hidden = [nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
        self.unused = nn.Sequential(nn.Dropout(), *hidden, nn.Linear(4096, 4))
        self.net.alexnet.register_forward_hook(self._run_unused)

    def forward(self, image: Tensor, mfcc: Tensor, audio: Tensor) -> Tensor:
        """Classify: image [batch, 3, 256, 384], mfcc [batch, 300, 40], audio [batch, 48000]."""
        with torch.set_grad_enabled(self.net.ssl == "finetune"):
            frames = self.encoder(audio).last_hidden_state
        return self.net(image, mfcc, frames=frames)["emotion"]

    def _run_unused(self, _module: nn.Module, _inputs: tuple, output: Tensor) -> None:
        self.unused(output)


def make(side: str, ssl: str, batch: int, config: dict) -> Callable[[], None]:
    """One side's training step on the same random batch: forward, backward and optimiser."""
    torch.manual_seed(1)
    image, mfcc = torch.rand(batch, 1, 256, 384), torch.randn(batch, MFCC_FRAMES, 40)
    audio, frames = torch.randn(batch, 48000), torch.randn(batch, FRAMES, config.get("hidden_size", 768))
    truth = torch.arange(batch) % 4
    if side == "plain":
        net, image = Plain(config, ssl), image.repeat(1, 3, 1, 1)
        optimiser = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-5, fused=False)
        classify = lambda: net(image, mfcc, audio.clone())  # noqa: E731
    else:
        net = CAMSER(config if ssl == "finetune" else None, ssl=ssl)
        optimiser = torch.optim.AdamW(net.parameters(), lr=1e-5, fused=True)
        given = {"audio": audio} if ssl == "finetune" else {"frames": frames}
        classify = lambda: net(image, mfcc, **given)["emotion"]  # noqa: E731
    net.train()

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(classify(), truth).backward()
        optimiser.step()

    return step


def measure(ssl: str, batch: int, repeats: int, config: dict) -> dict[str, float]:
    """Least CPU seconds of each side, after one step to warm up."""
    steps = {side: make(side, ssl, batch, config) for side in ("plain", "ours")}
    least = dict.fromkeys(steps, float("inf"))
    for place in range(repeats + 1):
        for side, step in steps.items():
            start = time.process_time()
            step()
            if place:
                least[side] = min(least[side], time.process_time() - start)
    return least


def peaks(ssl: str, batch: int, layers: int) -> dict[str, float]:
    """Largest resident set of each side in MiB, in a process of its own, over two steps."""
    found = {}
    for side in ("plain", "ours"):
        command = [sys.executable, __file__, "--peak-of", side, "--ssl", ssl]
        command += ["--batch", str(batch), "--layers", str(layers)]
        found[side] = float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])
    return found


def run(ssl: str, options: argparse.Namespace, config: dict, memory: dict[str, float]) -> None:
    """Measure one way of training; print a table and the result line."""
    least = measure(ssl, options.batch, options.repeats, config)
    print(f"{ssl:<10}{'CPU s':>8}{'peak MiB':>10}   batch {options.batch} of 3 s, {options.layers} layers, 1 thread")
    for side in least:
        print(f"{side:<10}{least[side]:>8.2f}{memory[side]:>10.0f}")
    ratios = {"ratio": least["ours"] / least["plain"], "memory_ratio": memory["ours"] / memory["plain"]}
    result = {"benchmark": f"ca_mser_step_{ssl}", **{key: round(value, 3) for key, value in ratios.items()}}
    result |= {"limit": LIMITS[ssl], "memory_limit": MEMORY_LIMIT, "batch": options.batch, "repeats": options.repeats}
    print("RESULT " + json.dumps({**result, "device": "cpu", "threads": 1, "torch": torch.__version__}), flush=True)


def main() -> None:
    """Measure both ways of training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8, help="segments of 3 s")
    parser.add_argument("--repeats", type=int, default=5, help="measured steps of each side")
    parser.add_argument("--layers", type=int, default=12, help="layers of the encoder")
    parser.add_argument("--ssl", choices=list(LIMITS), help="one way of training only")
    parser.add_argument("--peak-of", choices=["plain", "ours"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = {**CONFIG, "num_hidden_layers": options.layers}
    if options.peak_of:
        step = make(options.peak_of, options.ssl, options.batch, config)
        step()
        step()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB)
        return
    ways = [options.ssl] if options.ssl else list(LIMITS)
    # Before anything large is made here: a new process starts with the peak of the one that forks it.
    memory = {ssl: peaks(ssl, options.batch, options.layers) for ssl in ways}
    for ssl in ways:
        run(ssl, options, config, memory[ssl])


if __name__ == "__main__":
    main()
