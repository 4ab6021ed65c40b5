"""Runs across mini corpora by their commands, and what an independent computation of their cells needs."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from recipe_runs import REPOSITORY, environment
from sklearn.svm import SVC

from speechbrain_ext.evaluation.matrix import Cell
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import Functionals

CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
NAMES = ("EmoDB", "RAVDESS")


def cross_corpus(folder: Path, *words: str) -> subprocess.CompletedProcess:
    options = ["--exp", folder / "exp", "--data", folder / "data", "--jobs", "1", *words]
    script = REPOSITORY / "recipes/shared/cross_corpus.sh"
    return subprocess.run(
        ["bash", *map(str, [script, *options])],
        env=environment(folder / "cache"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=900,
    )


def rows_of(folder: Path, cell: Cell) -> list[dict[str, str]]:
    return read_rows(folder / "exp/cross-corpus" / cell.predictions)


def read_rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def corpus(folder: Path, name: str) -> tuple[list[str], list[str], list[str], np.ndarray]:
    """Ids, labels and speakers of the shared classes, and eGeMAPS [utterance, feature] from the cache."""
    lines = (folder / f"data/{name}-mini/manifest.jsonl").read_text().splitlines()
    items = [item for item in map(json.loads, lines) if item["label"] in CLASSES]
    cache = FeatureCache(folder / "cache", Functionals(feature_set="eGeMAPSv02"))
    features = np.stack([np.array(cache.get(item["sha256"]))[0] for item in items]).astype(np.float64)
    return [item["id"] for item in items], [i["label"] for i in items], [i["speaker"] for i in items], features


def standard(rows: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
    reference = rows if of is None else of
    mean, deviation = reference.mean(axis=0), reference.std(axis=0)
    is_constant = deviation <= 1e-8 * np.maximum(1, np.abs(mean))
    return np.clip((rows - mean) / np.where(is_constant, 1, deviation), -10, 10)


def aligned(own: np.ndarray, its: np.ndarray) -> np.ndarray:
    """Rows with the covariance of others, by eigenvectors."""
    unit = np.eye(own.shape[1])
    values, vectors = np.linalg.eigh(np.cov(own.T) + unit)
    white = vectors @ np.diag(values**-0.5) @ vectors.T
    values, vectors = np.linalg.eigh(np.cov(its.T) + unit)
    return np.clip(own @ white @ (vectors @ np.diag(values**0.5) @ vectors.T), -10, 10)


def predicted(rows: np.ndarray, labels: Sequence[str], others: np.ndarray, c: float) -> list[str]:
    svc = SVC(C=c, kernel="linear", class_weight="balanced", break_ties=True, decision_function_shape="ovr")
    return list(svc.fit(rows, labels).predict(others))


def read_items(folder: Path, name: str) -> list[dict]:
    """Lines of a manifest, each with its class: excited of IEMOCAP is happiness."""
    items = list(map(json.loads, (folder / f"data/{name}-mini/manifest.jsonl").read_text().splitlines()))
    for item in items:
        item["class"] = "happiness" if item["label"] == "excited" else item["label"]
    return items


def features_of(folder: Path, items: Sequence[dict]) -> np.ndarray:
    cache = FeatureCache(folder / "cache", Functionals(feature_set="eGeMAPSv02"))
    return np.stack([np.array(cache.get(item["sha256"]))[0] for item in items]).astype(np.float64)


def run_sh(folder: Path, *words: str, more: Sequence[str] = ()) -> subprocess.CompletedProcess:
    options = ["--exp", folder / "exp", "--data", folder / "data", "--jobs", "1", "--system", "svm", *words]
    return subprocess.run(
        ["bash", *map(str, [REPOSITORY / "recipes/EmoDB/run.sh", *options, "--", "--variant", "egemaps", *more])],
        env=environment(folder / "cache"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=900,
    )
