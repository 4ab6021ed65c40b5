#!/usr/bin/env python3
"""Shows that a change of the code changes no score: a short run of every system, before the change and after it.

Usage, from the repository's folder:
    python3 tools/short_runs.py run FOLDER [NAME ...]     make the runs (all, or those named); goes on
    python3 tools/short_runs.py compare BEFORE AFTER [--within X]
The runs are made by run.sh on the three mini corpora, on a CSV, and, where EMODB_ROOT names it, on a copy of EmoDB.
Networks are tiny and trained for an epoch or two: the numbers mean nothing, but every digit of them must stay.
`compare` ends with 1 if any byte of a predictions.csv differs, or any number by more than X.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SSL = "--ssl_model {model}"
RESNET = "--channels 4 --strides [4,4,2] --segment_s 0.5 --schedule_scale 0.005 --batch_size 16"
FUSION = f"{SSL} --attention_size 4 --ffn_size 8 --fusion_batch_size 16"
OVERRIDES = {
    "amsnet": "--hidden_size 8 --channels [16,8,8] --reduction 4 --epochs 2 --fusion_epochs 2 --batch_size 64",
    "am_resnet": RESNET,
    "am_resnet_w2v2_ca": f"{RESNET} {FUSION}",
    "sd_caff": "--hidden_size 16 --segment_s 0.5 --schedule_scale 0.034",
    "ca_mser": f"{SSL} --epochs 1 --batch_size 16 --alexnet_weights random",
    "ssl_probe": f"{SSL} --epochs 2",
    "ssl_finetune": f"{SSL} --epochs 1 --batch_size 16",
    "svm": "--inner_folds 3",
}
CORPORA = ("EmoDB", "IEMOCAP", "MSP-IMPROV")
DIMENSIONS = "--dimensions [valence,activation]"


def list_runs() -> dict[str, tuple[str, str, str]]:
    """Name of a run -> recipe, options, overrides."""
    runs = {}
    for system, words in OVERRIDES.items():
        for corpus in CORPORA:
            runs[f"{corpus}-mini.{system}"] = (corpus, f"--system {system} --protocol random5 --folds 1", words)
    ca_mser = f"{OVERRIDES['ca_mser']} --variant w2e_frozen"
    runs["IEMOCAP-mini.ca_mser-frozen"] = ("IEMOCAP", "--system ca_mser --protocol random5 --folds 1", ca_mser)
    for system in ("svm", "amsnet", "am_resnet"):
        options, words = f"--system {system} --protocol session --folds 1", f"{OVERRIDES[system]} {DIMENSIONS}"
        runs[f"IEMOCAP-mini.{system}-dimensions"] = ("IEMOCAP", options, words)
    for preset in ("sd_caff", "ca_mser"):
        options = f"--system {preset} --preset official --protocol random5 --folds 1"
        runs[f"IEMOCAP-mini.{preset}-official"] = ("IEMOCAP", options, OVERRIDES[preset])
    words = f"{OVERRIDES['amsnet']} --class_weights True --balanced_sampling True --label_smoothing 0.1"
    runs["EmoDB-mini.amsnet-dev"] = ("EmoDB", "--system amsnet --protocol speaker --dev speaker --folds 03", words)
    runs["csv.amsnet"] = ("shared", "--corpus-root {csv} --system amsnet --protocol random5", OVERRIDES["amsnet"])
    runs["csv.svm"] = ("shared", "--corpus-root {csv} --system svm --protocol random5", OVERRIDES["svm"])
    if os.environ.get("EMODB_ROOT"):
        for system, words in OVERRIDES.items():
            options = "--corpus-root {emodb} --protocol random5 --folds 1"
            runs[f"EmoDB-real.{system}"] = ("EmoDB", f"--system {system} {options}", words)
    return runs


def write_csv(folder: Path, mini_emodb: Path) -> Path:
    """Write a CSV of the mini EmoDB's files, as a user of another corpus would."""
    emotions = dict(zip("WLEAFTN", "anger boredom disgust fear happiness sadness neutral".split(), strict=True))
    path = folder / "Other.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "speaker", "emotion", "text"])
        for wav in sorted(mini_emodb.rglob("*.wav")):
            writer.writerow([wav, wav.stem[:2], emotions[wav.stem[5]], wav.stem[2:5]])
    return path


def write_model(folder: Path) -> Path:
    """Write a tiny random wav2vec 2.0 to a folder, with the seed that every recording uses."""
    if not (folder / "preprocessor_config.json").is_file():
        code = f"from pathlib import Path; from tiny_ssl import write_tiny; write_tiny(Path({str(folder)!r}))"
        python = Path(os.environ.get("VIRTUAL_ENV", REPOSITORY / ".venv")) / "bin/python"
        subprocess.run([python, "-c", code], env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")}, check=True)
    return folder


def make_runs(folder: Path, names: list[str]) -> int:
    """Make each run that has no predictions yet; return how many failed."""
    folder.mkdir(parents=True, exist_ok=True)
    work, runs, failed = folder / "work", list_runs(), 0
    emodb = os.environ.get("EMODB_ROOT", "")
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_ROOT")}
    environment = {**kept, "SER_CACHE": str(work / "cache"), "OMP_NUM_THREADS": "1"}
    model = write_model(folder / "model")
    for name in names or runs:
        recipe, options, overrides = runs[name]
        target = folder / f"{name}.csv"
        if target.is_file():
            continue
        exp, data = work / name / "exp", work / "data"
        table = write_csv(folder, data / "mini-corpus/EmoDB") if recipe == "shared" else ""
        words = f"{options} --tag short --stop-stage 3 --jobs 1 --exp {exp} --data {data} -- {overrides}"
        words = words.format(model=model, csv=table, emodb=emodb)
        started = time.time()
        command = ["bash", str(REPOSITORY / "recipes" / recipe / "run.sh"), *words.split()]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        found = list(exp.rglob("predictions.csv"))
        if done.returncode or len(found) != 1:
            failed += 1
            print(f"{name}: FAILED\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}", flush=True)
            continue
        shutil.copyfile(found[0], target)
        shutil.rmtree(work / name)
        print(f"{name}: {time.time() - started:.0f} s", flush=True)
    return failed


def largest_difference(before: Path, after: Path) -> float:
    """Return the largest difference of two predictions files; infinite where text, rows or columns differ."""
    tables = [list(csv.reader(path.read_text(encoding="utf-8").splitlines())) for path in (before, after)]
    if [len(row) for row in tables[0]] != [len(row) for row in tables[1]]:
        return float("inf")
    largest = 0.0
    for row, other in zip(*tables, strict=True):
        for left, right in zip(row, other, strict=True):
            if left != right:
                try:
                    largest = max(largest, abs(float(left) - float(right)))
                except ValueError:
                    return float("inf")
    return largest


def compare(before: Path, after: Path, within: float) -> int:
    """Print how each run of BEFORE differs in AFTER; return 1 if one is missing or differs by more than `within`."""
    wrong = 0
    for path in sorted(before.glob("*.csv")):
        if path.name == "Other.csv":
            continue
        other = after / path.name
        if not other.is_file():
            wrong, said = 1, "missing"
        elif path.read_bytes() == other.read_bytes():
            said = "the same bytes"
        else:
            difference = largest_difference(path, other)
            said = f"differs by up to {difference:.3g}"
            wrong = wrong or int(difference > within or within == 0)
        print(f"{path.stem}: {said}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="make the runs")
    runs.add_argument("folder", type=Path)
    runs.add_argument("names", nargs="*", metavar="NAME", help="runs to make (all)")
    comparing = commands.add_parser("compare", help="compare two folders of runs")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--within", type=float, default=0.0, metavar="X", help="allowed difference of a number (0)")
    asked = parser.parse_args()
    if asked.command == "compare":
        return compare(asked.before, asked.after, asked.within)
    unknown = sorted(set(asked.names) - set(list_runs()))
    if unknown:
        parser.error(f"unknown runs {' '.join(unknown)}; known: {' '.join(list_runs())}")
    return int(make_runs(asked.folder.resolve(), asked.names) > 0)


if __name__ == "__main__":
    sys.exit(main())
