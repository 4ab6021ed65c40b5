"""The plan of a run in words: stages, folds, what is reused, and the hours; nothing is run or written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.training.paper_tables import Table
from speechbrain_ext.training.plan import PlannedRun, folds_of, load_run, make_plan, plan_text
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.utils.errors import UserError

TITLES = ("prepare", "features", "train", "evaluate", "report")


def print_plan(requests: Sequence[RunRequest], stages: Sequence[int], table: Table | None = None) -> None:
    """Print what stages would do, of one row or the rows of a table.

    Arguments
    ---------
    requests : sequence of RunRequest
        One for each row.
    stages : sequence of int
    table : Table or None
        The table whose rows they are.
    """
    first = requests[0]
    specs = [spec for request in requests for spec in request.specs]
    runs = [load_run(spec) for spec in specs]
    names = _folds(first, runs)
    name = Path(specs[0].data).name
    corpus, _, source = name.rpartition("-")
    protocols = ", ".join(dict.fromkeys(run.protocol for run in runs))
    seeds = ", ".join(dict.fromkeys(str(spec.seed) for spec in specs))
    what = f"{runs[0].hp.system_name}, row {specs[0].row}"
    if table:
        what = f"table {table.id} ({table.title}): {len(table.rows)} rows"
    print(f"Plan of {what}, {corpus} ({source}), {protocols}, seeds {seeds}. Nothing is run or written.")
    texts = (
        lambda: _prepare_text(runs, corpus, source, protocols),
        lambda: _features_text(runs),
        lambda: f"train {names}.\n{plan_text(make_plan(runs, first.force, first.folds), first.jobs)}",
        lambda: _evaluate_text(runs, first.force, names),
        lambda: f"write {Path(specs[0].exp) / name / 'report.html'} from all results in its folder.",
    )
    for stage in stages:
        print(f"stage {stage}, {TITLES[stage]}: {texts[stage]()}", flush=True)


def _folds(request: RunRequest, runs: list[PlannedRun]) -> str:
    """Name the folds, or say how many there are before stage 0 has made them."""
    if runs[0].experiment:
        return f"folds {', '.join(request.fold_names(runs[0].experiment))}"
    if request.folds:
        return f"folds {', '.join(request.folds)}"
    number = folds_of(runs[0])
    return f"{number} folds" if number else "all folds, whose number is known after stage 0"


def _prepare_text(runs: list[PlannedRun], corpus: str, source: str, protocols: str) -> str:
    made = [run.experiment for run in runs if run.experiment]
    if len(made) == len(runs):
        number = len(made[0].utterances)
        return f"complete already: the manifest of {number} utterances and the folds of {protocols} are reused."
    first = "write the synthetic mini corpus, then " if source == "mini" else ""
    manifest = Path(runs[0].spec.data) / "manifest.json"
    read = "reuse the manifest" if manifest.exists() else f"read and check {corpus}"
    return f"{first}{read} and make the folds of {protocols}."


def _features_text(runs: list[PlannedRun]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in run.hp.features()))
    if any(run.experiment is None for run in runs):
        return f"compute and cache {', '.join(names)}; what the cache holds already is known after stage 0."
    return "compute and cache what is missing of " + "; ".join(_cached(runs, name) for name in names) + "."


def _cached(runs: list[PlannedRun], name: str) -> str:
    """Count the utterances whose feature is in the cache, for the settings of the first run that reads it."""
    experiment = next(run.experiment for run in runs if run.experiment and name in run.hp.features())
    known = (experiment.utterances[identity].sha256 for identity in experiment.used)
    hashes = [sha256 for sha256 in known if sha256 is not None]
    if len(hashes) < len(experiment.used):
        return f"{name} (the audio was not read by stage 0)"
    try:
        cache = FeatureCache(experiment.spec.cache, experiment.hp.build()["features"][name]())
    except UserError as fault:
        return f"{name} (not possible yet: {fault})"
    missing = len(cache.missing(hashes))
    distinct = len(set(hashes))
    return f"{name} ({distinct - missing} of {distinct} utterances are cached)"


def _evaluate_text(runs: list[PlannedRun], force: bool, names: str) -> str:
    scored = [
        run for run in runs if run.experiment and not force and (run.experiment.seed_folder / "results.json").exists()
    ]
    kept = f"; scored already, kept unless their trainings change: {len(scored)}" if scored else ""
    return f"score {len(runs)} {'run' if len(runs) == 1 else 'runs'} on the test part of {names}{kept}."
