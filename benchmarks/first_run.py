"""What a newcomer waits for: the README's first command after set-up, and the same command typed again.

Runs recipes/EmoDB/run.sh in a folder and with a cache of its own, with all stages and the usual system on the mini
corpus: wall seconds, and processor seconds of all processes. Other work on the machine makes both longer.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = Path(__file__).resolve().parents[1] / "recipes/EmoDB"
LIMITS = {"first": {"wall_s": 90, "cpu_s": 150}, "again": {"wall_s": 15}}


def measure(words: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run a command to its end; give its wall seconds and the processor seconds of it and its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(words, env=environment, check=True, stdout=sys.stderr)
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(wall_s, 1), "cpu_s": round(cpu_s, 1)}


def main() -> None:
    """Measure both, and print a table and the result line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="further words of run.sh, such as --system svm")
    parser.add_argument("--keep", action="store_true", help="keep the time: what run.sh says at its start elsewhere")
    options = parser.parse_args()
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_ROOT")}
    with tempfile.TemporaryDirectory(prefix="first-run-") as folder:
        words = [str(RECIPE / "run.sh"), "--exp", f"{folder}/exp", "--data", f"{folder}/data", *options.words]
        environment = {**kept, "SER_CACHE": f"{folder}/cache"}
        found = {name: measure(words, environment) for name in ("first", "again")}
        if options.keep:
            shutil.copy(f"{folder}/cache/run_times.json", RECIPE.parent / "shared/run_times.json")
        scored = json.loads(next(Path(folder).glob("exp/*/*/*/*/seed-1/results.json")).read_text(encoding="utf-8"))
    for name, seconds in found.items():
        limits = ", ".join(f"{key} at most {value}" for key, value in LIMITS[name].items())
        print(f"{name:<8}{seconds['wall_s']:>8.1f} s wall {seconds['cpu_s']:>8.1f} s processor   ({limits})")
    result = {"benchmark": "first_run", "ratio": round(found["again"]["wall_s"] / found["first"]["wall_s"], 3)}
    cores = len(os.sched_getaffinity(0))
    print("RESULT " + json.dumps({**result, "device": "cpu", "cores": cores, **found, "uar": scored["pooled"]["uar"]}))


if __name__ == "__main__":
    main()
