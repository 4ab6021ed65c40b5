"""Cost of MADD on 10 s of audio: long windows against short ones, and against the definition written literally.

All sides run in turn in one process, on one thread, each in full; the minimum over the rounds counts. The literal
sides are a Python loop over windows, and numpy's sliding windows.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402

from speechbrain_ext.features.madd import madd  # noqa: E402

SAMPLE_RATE_HZ, DURATION_S, ROUNDS, FACTOR = 16000, 10, 7, 5.0
SHORT, USUAL, LONG = 100, 400, 6400
LIMITS = {"long_to_short": 2.0, "vectorised": 8.0, "loop": 200.0}


def speech_like() -> np.ndarray:
    """Noise that is loud and soft by turns, float32 [samples]."""
    samples = SAMPLE_RATE_HZ * DURATION_S
    random = np.random.default_rng(1)
    loudness = np.repeat(random.choice([0.001, 0.1, 0.3], samples // 3200), 3200)  # [samples]
    return (loudness * random.standard_normal(samples)).astype(np.float32)


def literal_vectorised(signal: np.ndarray, window_samples: int) -> np.ndarray:
    """The definition with an array of all windows (a view), float32 [samples]."""
    windows = np.lib.stride_tricks.sliding_window_view(signal, window_samples)  # [windows, window_samples]
    differences = windows.max(axis=1) - windows.min(axis=1)  # [windows]
    silent = differences < FACTOR * differences[differences > 0].min()  # [windows]
    around = np.pad(silent, window_samples - 1)  # [samples + window_samples - 1]
    any_silent = np.lib.stride_tricks.sliding_window_view(around, window_samples).any(axis=1)  # [samples]
    return np.where(any_silent, np.float32(0), signal)


def literal_loop(signal: np.ndarray, window_samples: int) -> np.ndarray:
    """The definition window by window, float32 [samples]."""
    starts = range(len(signal) - window_samples + 1)
    differences = [np.ptp(signal[start : start + window_samples]) for start in starts]
    threshold = FACTOR * min(difference for difference in differences if difference > 0)
    processed = signal.copy()
    for start in starts:
        if differences[start] < threshold:
            processed[start : start + window_samples] = 0
    return processed


def main() -> None:
    """Measure, print a table and the result line."""
    signal = speech_like()
    for literal in (literal_vectorised, literal_loop):
        assert np.array_equal(literal(signal, USUAL), madd(signal, USUAL, FACTOR)[0]), "not the same result"
    sides: dict[str, Callable[[], object]] = {
        f"madd, window {SHORT}": lambda: madd(signal, SHORT, FACTOR),
        f"madd, window {USUAL}": lambda: madd(signal, USUAL, FACTOR),
        f"madd, window {LONG}": lambda: madd(signal, LONG, FACTOR),
        f"sliding windows, window {USUAL}": lambda: literal_vectorised(signal, USUAL),
        f"loop, window {USUAL}": lambda: literal_loop(signal, USUAL),
    }
    least = dict.fromkeys(sides, float("inf"))
    for _ in range(ROUNDS):
        for name, side in sides.items():
            start = time.process_time()
            side()
            least[name] = min(least[name], time.process_time() - start)
    short, usual, long, vectorised, loop = least.values()
    print(f"{DURATION_S} s at {SAMPLE_RATE_HZ} Hz, CPU, one thread, least of {ROUNDS}{'ms':>12}")
    for name, seconds in least.items():
        print(f"{name:<32}{seconds * 1e3:>12.2f}")
    ratios = {"long_to_short": long / short, "vectorised": vectorised / usual, "loop": loop / usual}
    for name, relation in (("long_to_short", "at most"), ("vectorised", "at least"), ("loop", "at least")):
        print(f"{name:<32}{ratios[name]:>12.2f}   {relation} {LIMITS[name]:g}")
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    result = {"benchmark": "madd", "ratio": rounded["long_to_short"], "ratios": rounded, "limits": LIMITS}
    print("RESULT " + json.dumps({**result, "device": "cpu", "threads": 1, "machine": platform.machine()}))


if __name__ == "__main__":
    main()
