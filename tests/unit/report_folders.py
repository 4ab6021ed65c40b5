"""Plausible results folders for the tests of the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_ext.evaluation.predictions import Prediction, write_predictions
from speechbrain_ext.evaluation.results import make_results, make_summary
from speechbrain_ext.evaluation.results_files import read_results, write_results
from speechbrain_ext.report.figures.run_figures import write_run_figures
from speechbrain_ext.utils.files import write_sealed

CLASSES = ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
SPEAKERS = ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
PAPER = {"table": "amsnet/5", "row": "AMSNet", "wa": 0.8834, "uar": 0.8856}


def plausible_rows(protocol: str = "speaker", n: int = 200, seed: int = 1, skill: float = 2.0) -> list[Prediction]:
    """Draw predictions that are better than chance and differ between speakers."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        speaker = SPEAKERS[number % len(SPEAKERS)]
        label = int(generator.integers(len(CLASSES)))
        scores = generator.normal(size=len(CLASSES))
        scores[label] += skill + 0.1 * int(speaker) - 1
        probabilities = np.exp(scores) / np.exp(scores).sum()
        fold = speaker if protocol == "speaker" else str(number % 5)
        found = CLASSES[int(probabilities.argmax())]
        rows.append(Prediction(fold, f"{speaker}a{number:03d}", speaker, CLASSES[label], found, tuple(probabilities)))
    return rows


def facts(**changes: Any) -> dict[str, Any]:
    """Facts of a real run on the published edition."""
    known = {
        "corpus": "EmoDB",
        "source": "real",
        "edition": "as published",
        "system": "amsnet",
        "row": "default",
        "preset": "paper",
        "protocol": "speaker",
        "dev": "none",
        "selection": "last",
        "seed": 1,
        "fold_seed": 0,
        "paper": None,
        "parameters": 1234567,
        "commit": "0123abc",
        "versions": {"torch": "2.11.0", "speechbrain": "1.1.2", "python": "3.11.2"},
        "device": "cpu",
        "precision": "fp32",
        "hparams_sha256": "a" * 64,
        "manifest_sha256": "b" * 64,
        "folds_sha256": "c" * 64,
        "command": "./run.sh --stage 0 --stop-stage 4",
    }
    return known | changes


def fold_facts(rows: list[Prediction]) -> list[dict[str, Any]]:
    """Facts of the folds that the rows were tested in."""
    names = sorted({row.fold for row in rows})
    counts = {name: sum(row.fold == name for row in rows) for name in names}
    return [
        {
            "name": name,
            "n_train": len(rows) - counts[name],
            "n_dev": 0,
            "n_test": counts[name],
            "epochs": 200,
            "train_seconds": 61.5,
        }
        for name in names
    ]


def plausible_results(**changes: Any) -> dict[str, Any]:
    """Results of one plausible run."""
    known = facts(**changes)
    rows = plausible_rows(known["protocol"], seed=known["seed"])
    return make_results(rows, CLASSES, known, fold_facts(rows))


def plausible_history(results: dict[str, Any], dev: bool = True) -> dict[str, list[dict[str, Any]]]:
    """Falling losses and rising scores for the three steps of AMSNet."""
    generator = np.random.default_rng(5)
    history: dict[str, list[dict[str, Any]]] = {}
    for fold in results["folds"]:
        history[fold["name"]] = []
        for step, epochs in (("frlm", 40), ("urlm", 40), ("fusion", 20)):
            rate = generator.uniform(0.05, 0.1)
            for epoch in range(1, epochs + 1):
                loss = 1.95 * float(np.exp(-rate * epoch)) + 0.05 * float(generator.random())
                record = {"epoch": epoch, "phase_name": step, "train_loss": loss, "lr": 1e-4}
                if dev:
                    record |= {"dev_loss": loss + 0.01 * epoch, "dev_uar": 0.8 - 0.3 * loss}
                history[fold["name"]].append(record)
    return history


def write_run(exp: Path, history: bool = True, figures: bool = False, **changes: Any) -> Path:
    """Write the folder of one seed as stage 3 leaves it; the figures are stand-ins unless asked for."""
    results = plausible_results(**changes)
    folder = exp / f"{results['corpus']}-{results['source']}" / results["system"] / results["row"]
    folder = folder / results["protocol"] / f"seed-{results['seed']}"
    rows = plausible_rows(results["protocol"], seed=results["seed"])
    write_predictions(folder / "predictions.csv", rows, results["classes"])
    if figures:
        files = write_run_figures(results, rows, plausible_history(results), folder)
    else:
        files = [f"{name}.png" for name in ("confusion", "classes", "speakers") + ("curves",) * history]
        for name in files:
            (folder / name).write_bytes(f"{name.removesuffix('.png')} of {folder}".encode())
    write_results(folder / "results.json", results, files)
    return folder


def write_summary(folder: Path) -> None:
    """Sum up the seeds of an experiment, as stage 3 does; the folder is one of a seed."""
    paths = sorted(folder.parent.glob("seed-*/results.json"))
    write_sealed(folder.parent / "summary.json", make_summary([read_results(path) for path in paths]))
