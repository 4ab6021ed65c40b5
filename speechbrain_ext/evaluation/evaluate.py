"""Stage 3: score every fold's test utterances: predictions.csv, results.json, embeddings.npz, summary.json."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from speechbrain_ext.corpora.data_folder import check_audio_unchanged
from speechbrain_ext.evaluation.predictions import write_predictions
from speechbrain_ext.evaluation.provenance import differs_from_paper, paper_of, run_facts
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results import make_results, make_summary
from speechbrain_ext.evaluation.results_files import MAKE_RESULTS, read_results, write_results, write_summary
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.evaluation.vectors import EMBEDDING, NAME, make_vectors, write_vectors
from speechbrain_ext.metrics.calibration import fit_temperature
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.training import launch
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import FoldFacts
from speechbrain_ext.training.fold import check_trained, fold_facts, predict_fold
from speechbrain_ext.training.objectives import Output
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import check_files, folder_lock, sha256_json
from speechbrain_ext.utils.json_fields import plain

TRAIN = "./run.sh --stage 2 --stop-stage 2"


def evaluate(request: RunRequest) -> list[Results]:
    """Score each seed that is not scored yet from the checkpoints that are there, then summarise the seeds.

    Arguments
    ---------
    request : RunRequest
        The runs and their folds.

    Returns
    -------
    list of Results
        One for each seed; none of a model of all data.

    Raises
    ------
    UserError
        A fold is not trained, an input has changed, or another run holds a folder.
    """
    results: list[Results] = []
    runs = request.experiments
    if runs[0].protocol == ALL_DATA:
        print("evaluate: a model of all data has no score of its own: name other corpora with --targets")
        return results
    check_audio_unchanged(runs[0].spec.data, [runs[0].utterances[identity] for identity in runs[0].used])
    for run in runs:
        folds = request.fold_names(run)
        missing = [fold for fold in folds if not check_trained(run, fold)]
        if missing:
            raise UserError(f"{run.seed_folder}: folds {', '.join(missing)} are not trained: train them with: {TRAIN}")
        with folder_lock(run.seed_folder, request.wait):
            run.check_claim()
            facts = [fold_facts(run, fold) for fold in folds]
            differs = differs_from_paper(run)
            known = plain({"paper": paper_of(run, differs), "differs": differs})
            rules = {"interval": "jackknife", "temperature": "development set"}
            made_from = sha256_json({"folds": plain(facts), "depends": run.depends(), **rules, **known})
            path = run.seed_folder / "results.json"
            scored = _read_scored(path) if path.exists() and not request.force else None
            if scored is not None and scored.made_from == made_from:
                print(f"evaluate: seed {run.spec.seed} is scored already ({path})")
            else:
                scored = _score(run, facts, made_from, request.jobs)
            results.append(scored)
        print_scores(scored)
    write_summary(runs[0].seed_folder.parent / "summary.json", make_summary(results))
    return results


def _read_scored(path: Path) -> Results | None:
    """Read earlier results; None, with a warning, where they, or their files, are damaged or of another schema."""
    try:
        results = read_results(path)
        check_files(path, results.files or {}, MAKE_RESULTS)
        return results
    except UserError as fault:
        print(f"warning: {fault}: scored again", flush=True)
        return None


def _score(run: Experiment, folds: list[FoldFacts], made_from: str, jobs: int) -> Results:
    outputs = launch.map_folds(predict_fold, [(run.spec, fold.name) for fold in folds], jobs, "evaluate")
    found = [(fold, output) for (_, fold), some in outputs.items() for output in some.test]
    temperatures = {fold: temperature_of(some.dev) for (_, fold), some in outputs.items() if some.dev}
    path = run.seed_folder / "results.json"
    # First, so that there are never results with predictions that they were not made from.
    path.unlink(missing_ok=True)
    known = replace(run_facts(run, folds), made_from=made_from)
    rows = [_prediction(run, fold, output) for fold, output in found]
    write_predictions(run.seed_folder / "predictions.csv", rows, known.target)
    files = [] if known.has_dimensions else _write_vectors(run, rows, [output for _, output in found])
    results = make_results(rows, known, folds, temperatures)
    write_results(path, results, files)
    return results


def temperature_of(outputs: Sequence[Output]) -> float:
    """Fit the temperature of a fold to the outputs of its development set."""
    posteriors = np.exp([output.predicted for output in outputs])  # [utterance, class]
    return fit_temperature(posteriors, np.array([output.truth for output in outputs]))


def _write_vectors(run: Experiment, rows: list[Prediction], outputs: list[Output]) -> list[str]:
    vectors = (
        (row.id, row.fold, row.label, {EMBEDDING: output.embedding, **output.vectors})
        for row, output in zip(rows, outputs, strict=True)
    )
    write_vectors(run.seed_folder / NAME, make_vectors(list(vectors)))
    return [NAME]


def _prediction(run: Experiment, fold: str, output: Output) -> Prediction:
    utterance = run.utterances[output.id]
    row = Prediction(fold, output.id, utterance.speaker)
    if run.task.dimensions:
        # The manifest's own values: a tensor has them in single precision.
        return replace(row, values=tuple(run.task.values_of(utterance) or ()), predicted=output.predicted)
    posteriors = tuple(math.exp(value) for value in output.predicted)
    best = max(range(len(posteriors)), key=posteriors.__getitem__)
    label = run.task.label_of(utterance) or ""
    return replace(row, label=label, prediction=run.classes[best], posteriors=posteriors)


def print_scores(results: Results) -> None:
    """Print the scores of a run, and what must be known with them."""
    pooled, mean, number = results.pooled, results.mean, results.target.number
    over = " [95 % over speakers]" if all(pooled[name].interval for name in results.target.scores.with_interval) else ""
    if results.has_dimensions:
        ccc = (f"{name} {pooled[f'ccc.{name}'].text(number)}" for name in results.target.names)
        scores = f"pooled CCC {', '.join(ccc)}{over}, mean over folds {number(mean['ccc_mean'].value)}"
    else:
        wa, uar = (f"{name.upper()} {pooled[name].text(number)}" for name in ("wa", "uar"))
        scores = f"pooled {wa}, {uar} per cent{over}, "
        scores += f"mean over folds {number(mean['wa'].value)} / {number(mean['uar'].value)}"
    print(
        f"{results.corpus} ({results.edition}), {results.system} {results.row}, {results.protocol}, "
        f"seed {results.seed}: {scores}"
    )
    for warning in filter(None, [*(results.warnings or ()), results.few_speakers, results.coverage]):
        print(f"note: {warning}")
