"""Stage 3: score every fold's test utterances: predictions.csv, results.json, figures, summary.json."""

from __future__ import annotations

import argparse
import json
import math
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechbrain_ext.bin.run_options import chosen_folds, experiments, run_parser
from speechbrain_ext.errors import UserError

if TYPE_CHECKING:
    from speechbrain_ext.brain import Output
    from speechbrain_ext.report.results import Prediction
    from speechbrain_ext.training.experiment import Experiment

TRAIN = "./run.sh --stage 2 --stop-stage 2"
VERSIONED = (
    "speechbrain_ext",
    "torch",
    "torchaudio",
    "speechbrain",
    "transformers",
    "numpy",
    "scikit-learn",
    "opensmile",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Score each seed that is not scored yet from the checkpoints that are there, then sum up the seeds."""
    evaluate(run_parser("Score the test utterances of every fold (stage 3).", "evaluate").parse_args(argv))


def evaluate(args: argparse.Namespace) -> None:
    """Score for options that are read already."""
    from speechbrain_ext.files import folder_lock, read_json, sha256_json, write_json
    from speechbrain_ext.report.results import make_summary
    from speechbrain_ext.training.fold import fold_facts, is_trained

    results = []
    for run in experiments(args):
        folds = chosen_folds(args, run)
        missing = [fold for fold in folds if not is_trained(run, fold)]
        if missing:
            raise UserError(f"{run.seed_folder}: folds {', '.join(missing)} are not trained: train them with: {TRAIN}")
        with folder_lock(run.seed_folder, args.wait):
            run.check_claim()
            facts = [fold_facts(run, fold) for fold in folds]
            made_from = sha256_json({"folds": facts, "depends": run.depends(), "paper": _paper(run)})
            path = run.seed_folder / "results.json"
            old = read_json(path, "./run.sh --stage 3") if path.exists() and not args.force else {}
            if old.get("made_from") == made_from:
                print(f"evaluate: seed {run.spec.seed} is scored already ({path})")
            else:
                old = _score(run, facts, {"made_from": made_from}, args.jobs)
            results.append(old)
        _tell(old)
    if results:
        write_json(run.seed_folder.parent / "summary.json", make_summary(results))


def _score(run: Experiment, facts: list[dict[str, Any]], more: dict[str, Any], jobs: int) -> dict[str, Any]:
    from speechbrain_ext.files import write_json
    from speechbrain_ext.report.results import make_results, write_predictions
    from speechbrain_ext.report.run_figures import write_run_figures
    from speechbrain_ext.training.fold import predict_fold
    from speechbrain_ext.training.launch import map_folds

    folds = [fact["name"] for fact in facts]
    outputs = map_folds(predict_fold, [(run.spec, fold) for fold in folds], jobs, "evaluate")
    rows = [_row(run, fold, output) for (_, fold), found in outputs.items() for output in found]
    write_predictions(run.seed_folder / "predictions.csv", rows, run.classes)
    results = make_results(rows, run.classes, {**_facts(run, facts), **more}, facts)
    write_run_figures(results, rows, _histories(run, folds), run.seed_folder)
    write_json(run.seed_folder / "results.json", results)
    return results


def _row(run: Experiment, fold: str, output: Output) -> Prediction:
    from speechbrain_ext.report.results import Prediction

    posteriors = tuple(math.exp(value) for value in output.log_posteriors)
    best = max(range(len(posteriors)), key=posteriors.__getitem__)
    utterance = run.utterances[output.id]
    return Prediction(fold, output.id, utterance.speaker, utterance.label, run.classes[best], posteriors)


def _facts(run: Experiment, facts: list[dict[str, Any]]) -> dict[str, Any]:
    spec, manifest = run.spec, run.manifest
    plain = run.hp.plain()
    return {
        **{key: manifest[key] for key in ("corpus", "source", "edition")},
        "system": run.hp.system_name,
        "row": spec.row,
        "preset": spec.preset,
        "protocol": run.protocol,
        "dev": spec.dev,
        "selection": run.selection,
        "seed": spec.seed,
        "fold_seed": spec.fold_seed,
        "paper": _paper(run),
        "parameters": facts[0]["parameters"],
        "commit": _commit(),
        "versions": _versions(),
        "device": _device_name(spec.device),
        "precision": spec.precision,
        "hparams_sha256": run.hp.sha256(),
        "manifest_sha256": run.manifest_sha256,
        "folds_sha256": run.folds_sha256,
        "folds_of_protocol": len(run.folds["folds"]),
        "variant": run.hp.tree["variant"],
        "hparams": plain,
        "overrides": list(spec.overrides),
        "command": spec.command,
        "warnings": _warnings(run, facts),
    }


def _paper(run: Experiment) -> dict[str, Any] | None:
    """The paper's numbers for this row: its table's, or the recipe's for the system as it stands."""
    from speechbrain_ext.tables import load_table

    spec = run.spec
    if spec.table:
        table = load_table(Path(spec.recipe_yaml).parent.parent, spec.table)
        return table.paper_of(table.row(spec.table_row))
    as_it_stands = not spec.overrides and run.protocol == run.hp.corpus["protocol"]
    return run.hp.corpus.get("paper") if as_it_stands else None


def _warnings(run: Experiment, facts: list[dict[str, Any]]) -> list[str]:
    from speechbrain_ext.audit import describe

    told = [f"folds: {describe(run.folds)}"]
    if run.selection == "test":
        told.append("optimistic: the epoch was chosen on the test part")
    if len(facts) < len(run.folds["folds"]):
        told.append(f"partial: {len(facts)} of {len(run.folds['folds'])} folds")
    if run.hp.tree["speaker_normalisation"]:
        told.append("transductive: features are normalised per speaker over all utterances, of test speakers too")
    told += dict.fromkeys(warning for fact in facts for warning in fact.get("warnings", []))
    if run.manifest["source"] == "mini":
        told.append("mini corpus: synthetic speech, no result about emotion recognition")
    return told


def _histories(run: Experiment, folds: list[str]) -> dict[str, list[dict[str, Any]]]:
    histories: dict[str, list[dict[str, Any]]] = {}
    for fold in folds:
        for step in run.hp.steps:
            path = run.step_folder(step, fold) / f"train_log-{step}.jsonl"
            histories.setdefault(fold, []).extend(json.loads(line) for line in path.read_text().splitlines())
    return histories


def _commit() -> str:
    """The repository's commit, with `+` when files differ from it; "unknown" outside a repository."""
    root = Path(__file__).resolve().parents[2]

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True).stdout

    try:
        changed = git(
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            "speechbrain_ext",
            "recipes/*/hparams",
            "recipes/shared",
        )
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if changed.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _device_name(device: str) -> str:
    if device == "cpu":
        return f"cpu ({platform.machine()})"
    import torch

    return torch.cuda.get_device_name(torch.device(device))


def _tell(results: dict[str, Any]) -> None:
    pooled, mean = results["pooled"], results["mean"]

    def interval(key: str) -> str:
        low, high = pooled[f"{key}_ci95"]
        return f"{100 * pooled[key]:.2f} [{100 * low:.1f}, {100 * high:.1f}]"

    print(
        f"{results['corpus']} ({results['edition']}), {results['system']} {results['row']}, {results['protocol']}, "
        f"seed {results['seed']}: WA {interval('wa')}, UAR {interval('uar')} per cent (95 % over speakers), "
        f"mean over folds {100 * mean['wa']:.2f} / {100 * mean['uar']:.2f}"
    )
    for warning in results["warnings"]:
        print(f"note: {warning}")


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run as guarded

    guarded(main)
