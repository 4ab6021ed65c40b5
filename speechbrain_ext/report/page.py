"""The report page of a corpus: every result below an experiment folder in one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from speechbrain_ext.errors import UserError
from speechbrain_ext.files import write_text
from speechbrain_ext.metrics import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.report import text
from speechbrain_ext.report.cards import (
    card,
    corpus_name,
    hyperparameters,
    is_partial,
    paper_name,
    protocol_name,
    selection_name,
    warnings_of,
    why_not_comparable,
)
from speechbrain_ext.report.figures import confusion_png
from speechbrain_ext.report.predictions import Prediction, read_predictions
from speechbrain_ext.report.results import MAKE_RESULTS, read_results


def write_report(exp_corpus_folder: str | Path, out_path: str | Path) -> None:
    """Collect every results.json of a corpus and write report.html.

    Arguments
    ---------
    exp_corpus_folder : str or Path
        The folder exp/<CORPUS>-<source>, with <system>/<row>/<protocol>/seed-<n>/results.json below it.
    out_path : str or Path
        The page to write; it needs no other file and no network.

    Raises
    ------
    UserError
        There is no result, a result cannot be read, or mini and real results lie together.
    """
    runs = [_run(path, folder) for path, folder in _found(Path(exp_corpus_folder))]
    corpora = sorted({run["corpus"] for run in runs})
    sources = sorted({run["results"]["source"] for run in runs})
    if len(sources) > 1:
        raise UserError(
            f"{exp_corpus_folder}: expected results of one source, found {', '.join(sources)}: move one of them away"
        )
    environment = Environment(
        loader=PackageLoader("speechbrain_ext.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        runs=runs, corpora=corpora, is_mini=sources == ["mini"], text=text
    )
    write_text(out_path, page)


def _found(folder: Path) -> list[tuple[Path, str]]:
    """List the results below a folder, each with its place as a name."""
    paths = sorted(folder.glob("*/*/*/seed-*/results.json"), key=_order)
    if not paths:
        place = "<system>/<row>/<protocol>/seed-<n>/results.json"
        raise UserError(f"{folder}: expected {place}, found none: make one with: {MAKE_RESULTS}")
    return [(path, path.parent.relative_to(folder).as_posix()) for path in paths]


def _order(path: Path) -> tuple[Any, ...]:
    *names, seed = path.parent.parts
    number = seed.removeprefix("seed-")
    return (*names, int(number) if number.isdigit() else 0, number)


def _run(path: Path, place: str) -> dict[str, Any]:
    """Lay out what the template shows of one run."""
    results = read_results(path)
    reasons = why_not_comparable(results)
    name = results["system"] if results["row"] == "default" else f"{results['system']}, {results['row']}"
    protocol = protocol_name(results)
    title = f"{name}: {protocol}, seed {results['seed']}"
    curves = path.parent / "curves.png"
    speakers, worst = _speakers(path.parent / "predictions.csv")
    return {
        "id": "run-" + "".join(letter if letter.isalnum() else "-" for letter in place),
        "title": title,
        "name": name,
        "results": results,
        "corpus": corpus_name(results),
        "protocol": protocol,
        "selection": selection_name(results),
        "is_partial": is_partial(results),
        "paper": None if reasons else results["paper"],
        "paper_name": "" if reasons else paper_name(results["paper"]),
        "why_no_paper": reasons,
        "warnings": warnings_of(results),
        "card": card(results),
        "hparams": hyperparameters(results),
        "classes": _classes(results),
        "speakers": speakers,
        "worst_speaker": worst,
        "confusion_png": _base64(confusion_png(results)),
        "curves_png": _base64(curves.read_bytes()) if curves.exists() else "",
        "train_time": text.duration(sum(fold["train_seconds"] for fold in results["folds"])),
        "epochs": text.in_range([fold["epochs"] for fold in results["folds"]]),
    }


def _classes(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Per class: how many, recall, precision, and where its errors went most."""
    confusion = np.array(results["pooled"]["confusion"])  # [true class, predicted class]
    rows = []
    for number, name in enumerate(results["classes"]):
        n, found = int(confusion[number].sum()), int(confusion[:, number].sum())
        wrong = confusion[number].copy()  # [predicted class]
        wrong[number] = 0
        correct = int(confusion[number, number])
        rows.append(
            {
                "name": name,
                "n": n,
                "recall": correct / n if n else None,
                "precision": correct / found if found else None,
                "mistaken": f"{results['classes'][int(wrong.argmax())]} ({wrong.max()})" if wrong.any() else text.DASH,
            }
        )
    return rows


def _speakers(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Per speaker: how many, WA, UAR; and the name of the one with the lowest UAR."""
    if not path.exists():
        return [], ""
    by_speaker: dict[str, list[Prediction]] = {}
    for row in read_predictions(path)[0]:
        by_speaker.setdefault(row.speaker, []).append(row)
    speakers = [{"name": name, **_speaker_scores(rows)} for name, rows in sorted(by_speaker.items())]
    worst = min(speakers, key=lambda speaker: speaker["uar"])
    return speakers, worst["name"] if len(speakers) > 1 else ""


def _speaker_scores(rows: Sequence[Prediction]) -> dict[str, Any]:
    truth, prediction = [row.label for row in rows], [row.prediction for row in rows]
    return {
        "n": len(rows),
        "wa": weighted_accuracy(truth, prediction),
        "uar": unweighted_average_recall(truth, prediction),
        "folds": ", ".join(sorted({row.fold for row in rows})),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
