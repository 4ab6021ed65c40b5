"""Plausible results folders for the tests of the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_ext.evaluation.facts import Facts
from speechbrain_ext.evaluation.predictions import write_predictions
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results import make_results, make_summary
from speechbrain_ext.evaluation.results_files import read_results, write_results, write_summary
from speechbrain_ext.evaluation.results_json import results_from_json, results_to_json
from speechbrain_ext.evaluation.targets import Classes, Prediction, Target
from speechbrain_ext.training.finished import FoldFacts
from speechbrain_ext.utils.files import write_json
from speechbrain_ext.utils.json_fields import read_record

CLASSES = ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
SPEAKERS = ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
TARGET = Classes(tuple(CLASSES))
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
        posteriors = np.exp(scores) / np.exp(scores).sum()
        fold = speaker if protocol == "speaker" else str(number % 5)
        found = CLASSES[int(posteriors.argmax())]
        rows.append(Prediction(fold, f"{speaker}a{number:03d}", speaker, CLASSES[label], found, tuple(posteriors)))
    return rows


def facts(target: Target = TARGET, **changes: Any) -> Facts:
    """Facts of a real run on the published edition, changed as in results.json."""
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
    return read_record(Facts, known | changes, target=target)


def fold_facts(rows: list[Prediction]) -> list[FoldFacts]:
    """Facts of the folds that the rows were tested in."""
    names = sorted({row.fold for row in rows})
    counts = {name: sum(row.fold == name for row in rows) for name in names}
    return [
        FoldFacts(
            name=name,
            n_train=len(rows) - counts[name],
            n_dev=0,
            n_test=counts[name],
            epochs=200,
            train_seconds=61.5,
        )
        for name in names
    ]


def plausible_results(**changes: Any) -> Results:
    """Results of one plausible run."""
    known = facts(**changes)
    rows = plausible_rows(known.protocol, seed=known.seed)
    return make_results(rows, known, fold_facts(rows))


def edited(results: Results, change: Callable[[dict[str, Any]], Any]) -> Results:
    """Results as they are read after a change of results.json."""
    record = json.loads(json.dumps(results_to_json(results)))
    change(record)
    return results_from_json(record)


def plausible_history(results: Results, dev: bool = True) -> dict[str, list[dict[str, Any]]]:
    """Falling losses and rising scores for the three phases of AMSNet."""
    generator = np.random.default_rng(5)
    history: dict[str, list[dict[str, Any]]] = {}
    for fold in results.folds:
        history[fold.name] = []
        for phase, epochs in (("frlm", 40), ("urlm", 40), ("fusion", 20)):
            rate = generator.uniform(0.05, 0.1)
            for epoch in range(1, epochs + 1):
                loss = 1.95 * float(np.exp(-rate * epoch)) + 0.05 * float(generator.random())
                record = {"epoch": epoch, "phase_name": phase, "train_loss": loss, "lr": 1e-4}
                if dev:
                    record |= {"dev_loss": loss + 0.01 * epoch, "dev_uar": 0.8 - 0.3 * loss}
                history[fold.name].append(record)
    return history


def write_history(folder: Path, history: dict[str, list[dict[str, Any]]]) -> None:
    """Write training logs below a seed's folder, as stage 2 does."""
    for fold, epochs in history.items():
        phases = dict.fromkeys((epoch["phase_name"] for epoch in epochs), ".")
        write_json(folder / f"fold-{fold}/fold.json", {"fold": fold, "phases": phases})
        for phase in phases:
            lines = [json.dumps(epoch) for epoch in epochs if epoch["phase_name"] == phase]
            (folder / f"fold-{fold}/train_log-{phase}.jsonl").write_text("\n".join(lines) + "\n")


def write_folder(exp: Path, results: Results, rows: list[Prediction], history: Any = None) -> Path:
    """Write the folder of one seed as stages 2 and 3 leave it."""
    folder = exp / f"{results.corpus}-{results.source}" / results.system / results.row
    folder = folder / results.protocol / f"seed-{results.seed}"
    write_predictions(folder / "predictions.csv", rows, results.target)
    write_results(folder / "results.json", results)
    write_history(folder, history or {})
    return folder


def write_run(exp: Path, history: bool = True, **changes: Any) -> Path:
    """Write the folder of one plausible run."""
    results = plausible_results(**changes)
    rows = plausible_rows(results.protocol, seed=results.seed)
    return write_folder(exp, results, rows, plausible_history(results) if history else None)


def sum_up(folder: Path) -> None:
    """Sum up the seeds of an experiment, as stage 3 does; the folder is one of a seed."""
    paths = sorted(folder.parent.glob("seed-*/results.json"))
    write_summary(folder.parent / "summary.json", make_summary([read_results(path) for path in paths]))
