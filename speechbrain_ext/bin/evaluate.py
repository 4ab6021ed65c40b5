"""Stage 3: score every fold's test utterances: predictions.csv, results.json, figures, summary.json."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechbrain_ext.bin.mask_figure import draw_beside_results as draw_masks
from speechbrain_ext.bin.run_options import chosen_folds, experiments, run_parser
from speechbrain_ext.bin.tsne import draw_beside_results as draw_vectors
from speechbrain_ext.evaluation.provenance import differs_from_paper, paper_of, run_facts
from speechbrain_ext.utils.errors import UserError

if TYPE_CHECKING:
    from speechbrain_ext.evaluation.predicted_values import PredictedValues
    from speechbrain_ext.evaluation.predictions import Prediction
    from speechbrain_ext.training.experiment import Experiment
    from speechbrain_ext.training.objectives import Output

TRAIN = "./run.sh --stage 2 --stop-stage 2"


def main(argv: Sequence[str] | None = None) -> None:
    """Score each seed that is not scored yet from the checkpoints that are there, then sum up the seeds."""
    evaluate(run_parser("Score the test utterances of every fold (stage 3).", "evaluate").parse_args(argv))


def evaluate(args: argparse.Namespace) -> None:
    """Score for options that are read already."""
    from speechbrain_ext.corpora.data_folder import check_audio_unchanged
    from speechbrain_ext.evaluation.results import make_summary
    from speechbrain_ext.evaluation.value_results import is_dimensional, make_value_summary
    from speechbrain_ext.training.fold import check_trained, fold_facts
    from speechbrain_ext.utils.files import folder_lock, sha256_json, write_sealed

    results = []
    runs = experiments(args)
    check_audio_unchanged(runs[0].spec.data, [runs[0].utterances[identity] for identity in runs[0].used])
    for run in runs:
        folds = chosen_folds(args, run)
        missing = [fold for fold in folds if not check_trained(run, fold)]
        if missing:
            raise UserError(f"{run.seed_folder}: folds {', '.join(missing)} are not trained: train them with: {TRAIN}")
        with folder_lock(run.seed_folder, args.wait):
            run.check_claim()
            facts = [fold_facts(run, fold) for fold in folds]
            differs = differs_from_paper(run)
            known = {"paper": paper_of(run, differs), "differs": differs}
            made_from = sha256_json({"folds": facts, "depends": run.depends(), **known})
            path = run.seed_folder / "results.json"
            old = _read_old(path) if path.exists() and not args.force else {}
            is_scored = old.get("made_from") == made_from
            if is_scored:
                print(f"evaluate: seed {run.spec.seed} is scored already ({path})")
            else:
                old = _score(run, facts, {"made_from": made_from}, args.jobs)
            draw_masks(run, redraw=not is_scored)
            draw_vectors(run.seed_folder, redraw=not is_scored)
            results.append(old)
        _tell(old)
    if results:
        summarise = make_value_summary if is_dimensional(results[0]) else make_summary
        write_sealed(run.seed_folder.parent / "summary.json", summarise(results))


def _read_old(path: Path) -> dict[str, Any]:
    """The results that are there; none where they, or their files, are damaged or of another schema, which is said."""
    from speechbrain_ext.evaluation.results import MAKE_RESULTS
    from speechbrain_ext.evaluation.results_files import read_results
    from speechbrain_ext.utils.files import check_files

    try:
        results = read_results(path)
        check_files(path, results.get("files", {}), MAKE_RESULTS)
        return results
    except UserError as fault:
        print(f"warning: {fault}: scored again", flush=True)
        return {}


def _score(run: Experiment, facts: list[dict[str, Any]], more: dict[str, Any], jobs: int) -> dict[str, Any]:
    from speechbrain_ext.evaluation.results_files import write_results
    from speechbrain_ext.training.fold import predict_fold
    from speechbrain_ext.training.launch import map_folds

    folds = [fact["name"] for fact in facts]
    outputs = map_folds(predict_fold, [(run.spec, fold) for fold in folds], jobs, "evaluate")
    found = [(fold, output) for (_, fold), some in outputs.items() for output in some]
    write = _write_values if run.task.dimensions else _write_classes
    path = run.seed_folder / "results.json"
    # First, so that results never stand beside predictions that they were not made from.
    path.unlink(missing_ok=True)
    results, files = write(run, found, {**run_facts(run, facts), **more}, facts)
    write_results(path, results, files)
    return results


def _write_classes(
    run: Experiment, found: list[tuple[str, Output]], known: dict[str, Any], facts: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    from speechbrain_ext.evaluation.predictions import write_predictions
    from speechbrain_ext.evaluation.results import make_results
    from speechbrain_ext.evaluation.vectors import EMBEDDING, NAME, make_vectors, write_vectors
    from speechbrain_ext.report.figures.run_figures import write_run_figures

    rows = [_row(run, fold, output) for fold, output in found]
    write_predictions(run.seed_folder / "predictions.csv", rows, run.classes)
    vectors = (
        (row.id, row.fold, row.label, {EMBEDDING: output.embedding, **output.vectors})
        for row, (_, output) in zip(rows, found, strict=True)
    )
    write_vectors(run.seed_folder / NAME, make_vectors(list(vectors)))
    results = make_results(rows, run.classes, known, facts)
    figures = write_run_figures(results, rows, _histories(run, facts), run.seed_folder)
    return results, [NAME, *figures]


def _write_values(
    run: Experiment, found: list[tuple[str, Output]], known: dict[str, Any], facts: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    from speechbrain_ext.evaluation.predicted_values import write_predicted_values
    from speechbrain_ext.evaluation.value_results import make_value_results
    from speechbrain_ext.report.figures.value_figures import write_value_figures

    rows, dimensions = [_value_row(run, fold, output) for fold, output in found], run.task.dimensions
    write_predicted_values(run.seed_folder / "predictions.csv", rows, dimensions)
    results = make_value_results(rows, dimensions, known, facts)
    return results, write_value_figures(results, rows, _histories(run, facts), run.seed_folder)


def _row(run: Experiment, fold: str, output: Output) -> Prediction:
    from speechbrain_ext.evaluation.predictions import Prediction

    posteriors = tuple(math.exp(value) for value in output.predicted)
    best = max(range(len(posteriors)), key=posteriors.__getitem__)
    utterance = run.utterances[output.id]
    label = run.task.label_of(utterance)
    return Prediction(fold, output.id, utterance.speaker, label, run.classes[best], posteriors)


def _value_row(run: Experiment, fold: str, output: Output) -> PredictedValues:
    from speechbrain_ext.evaluation.predicted_values import PredictedValues

    utterance = run.utterances[output.id]
    # The manifest's own values: a tensor has them in single precision.
    values = tuple(run.task.values_of(utterance))
    return PredictedValues(fold, output.id, utterance.speaker, values, output.predicted)


def _histories(run: Experiment, facts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    histories: dict[str, list[dict[str, Any]]] = {}
    for fold in (fact["name"] for fact in facts):
        for phase in run.hp.phases:
            path = run.phase_folder(phase, fold) / f"train_log-{phase}.jsonl"
            histories.setdefault(fold, []).extend(_read_log(path))
    return histories


def _read_log(path: Path) -> list[dict[str, Any]]:
    try:
        rows = [json.loads(line) for line in path.read_bytes().decode("utf-8").splitlines()]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("no object")
    except (ValueError, RecursionError) as fault:
        raise UserError(f"{path}: expected an epoch a line ({fault}): train again with: {TRAIN} --force") from None
    return rows


def _tell(results: dict[str, Any]) -> None:
    from speechbrain_ext.evaluation.cards import few_speakers
    from speechbrain_ext.evaluation.value_results import is_dimensional

    scores = _tell_values(results) if is_dimensional(results) else _tell_classes(results)
    print(
        f"{results['corpus']} ({results['edition']}), {results['system']} {results['row']}, {results['protocol']}, "
        f"seed {results['seed']}: {scores}"
    )
    for warning in filter(None, [*results["warnings"], few_speakers(results)]):
        print(f"note: {warning}")


def _tell_classes(results: dict[str, Any]) -> str:
    from speechbrain_ext.utils.text import percent, with_interval

    pooled, mean = results["pooled"], results["mean"]

    def interval(key: str) -> str:
        return f"{key.upper()} {with_interval(pooled[key], pooled[f'{key}_ci95'])}"

    over = " [95 % over speakers]" if pooled["wa_ci95"] else ""
    return (
        f"pooled {interval('wa')}, {interval('uar')} per cent{over}, "
        f"mean over folds {percent(mean['wa'])} / {percent(mean['uar'])}"
    )


def _tell_values(results: dict[str, Any]) -> str:
    from speechbrain_ext.utils.text import decimal, decimal_with_interval

    pooled, mean = results["pooled"], results["mean"]
    told = (
        f"{name} {decimal_with_interval(pooled['ccc'][name], pooled['ccc_ci95'][name])}"
        for name in results["dimensions"]
    )
    over = " [95 % over speakers]" if all(pooled["ccc_ci95"].values()) else ""
    return f"pooled CCC {', '.join(told)}{over}, mean over folds {decimal(mean['ccc_mean'])}"


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run as guarded

    guarded(main)
