"""The plan of a run in words: stages, folds, what is reused, and the hours; nothing is run or written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.options import OptionParser, whole_number
from speechbrain_ext.bin.run_options import chosen_folds, run_parser, specifications

if TYPE_CHECKING:
    from speechbrain_ext.hparams import Hparams
    from speechbrain_ext.training.experiment import Experiment
    from speechbrain_ext.training.run_spec import RunSpec

LAST = 4


def parser() -> OptionParser:
    """Build the command line."""
    options = run_parser(__doc__, "plan")
    add = options.add_argument
    add("--stage", type=whole_number(0), default=0, metavar="N", help="first stage (default: 0)")
    add("--stop-stage", type=whole_number(0), default=LAST, metavar="N", help="last stage (default: 4)")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Print the plan of a run.

    Arguments
    ---------
    argv : sequence of str
        The command line; by default the process's own.
    """
    print_plan(parser().parse_args(argv))


def print_plan(args: argparse.Namespace) -> None:
    """Print what the stages from `args.stage` to `args.stop_stage` would do, of one run or the rows of `args.table`."""
    from speechbrain_ext.training.paper_tables import load_table
    from speechbrain_ext.training.plan import loaded, make_plan, plan_text, protocol_of

    table = load_table(args.recipe, args.table) if args.table else None
    rows = [argparse.Namespace(**{**vars(args), "row": row.name}) for row in table.rows] if table else [args]
    specs = [spec for row in rows for spec in specifications(row)]
    runs = [(spec, *loaded(spec)) for spec in specs]
    names = _folds(args, runs)
    name = Path(specs[0].data).name
    corpus, _, source = name.rpartition("-")
    protocols = ", ".join(dict.fromkeys(protocol_of(spec, hp) for spec, hp, _ in runs))
    seeds = ", ".join(dict.fromkeys(str(spec.seed) for spec in specs))
    what = (
        f"table {table.id} ({table.title}): {len(table.rows)} rows" if table else f"{args.system}, row {specs[0].row}"
    )
    print(f"Plan of {what}, {corpus} ({source}), {protocols}, seeds {seeds}. Nothing is run or written.")
    said = {
        0: lambda: _prepare_text(runs, corpus, source, protocols),
        1: lambda: _features_text(runs),
        2: lambda: f"train {names}.\n{plan_text(make_plan(specs, args.force, _asked(args)), args.jobs)}",
        3: lambda: _evaluate_text(runs, args.force, names),
        4: lambda: f"write {Path(specs[0].exp) / name / 'report.html'} from all results beside it.",
    }
    titles = ("prepare", "features", "train", "evaluate", "report")
    for stage in range(args.stage, min(args.stop_stage, LAST) + 1):
        print(f"stage {stage}, {titles[stage]}: {said[stage]()}", flush=True)


def _asked(args: argparse.Namespace) -> list[str]:
    return args.folds.replace(",", " ").split()


def _folds(args: argparse.Namespace, runs: list[tuple[RunSpec, Hparams, Experiment | None]]) -> str:
    """Name the folds, or say how many there are before stage 0 has made them."""
    from speechbrain_ext.training.plan import folds_of, protocol_of

    spec, hp, experiment = runs[0]
    if experiment:
        return f"folds {', '.join(chosen_folds(args, experiment))}"
    if asked := _asked(args):
        return f"folds {', '.join(asked)}"
    number = folds_of(Path(spec.data).name, hp, protocol_of(spec, hp))
    return f"{number} folds" if number else "all folds, whose number is known after stage 0"


def _prepare_text(
    runs: list[tuple[RunSpec, Hparams, Experiment | None]], corpus: str, source: str, protocols: str
) -> str:
    made = [experiment for _, _, experiment in runs if experiment]
    if len(made) == len(runs):
        number = len(made[0].utterances)
        return f"complete already: the manifest of {number} utterances and the folds of {protocols} are reused."
    first = "write the synthetic mini corpus, then " if source == "mini" else ""
    manifest = Path(runs[0][0].data) / "manifest.json"
    read = "reuse the manifest" if manifest.exists() else f"read and check {corpus}"
    return f"{first}{read} and make the folds of {protocols}."


def _features_text(runs: list[tuple[RunSpec, Hparams, Experiment | None]]) -> str:
    names = list(dict.fromkeys(name for _, hp, _ in runs for name in hp.features()))
    if any(experiment is None for _, _, experiment in runs):
        return f"compute and cache {', '.join(names)}; what the cache holds already is known after stage 0."
    return "compute and cache what is missing of " + "; ".join(_cached(runs, name) for name in names) + "."


def _cached(runs: list[tuple[RunSpec, Hparams, Experiment | None]], name: str) -> str:
    """Count the utterances whose feature is in the cache, for the settings of the first run that reads it."""
    from speechbrain_ext.features.cache import FeatureCache
    from speechbrain_ext.utils.errors import UserError

    experiment = next(experiment for _, hp, experiment in runs if name in hp.features())
    hashes = [experiment.utterances[identity].sha256 for identity in experiment.used]
    if None in hashes:
        return f"{name} (the audio was not read by stage 0)"
    try:
        cache = FeatureCache(experiment.spec.cache, experiment.hp.build()["features"][name]())
    except UserError as fault:
        return f"{name} (not possible yet: {fault})"
    missing = len(cache.missing(hashes))
    distinct = len(set(hashes))
    return f"{name} ({distinct - missing} of {distinct} utterances are cached)"


def _evaluate_text(runs: list[tuple[RunSpec, Hparams, Experiment | None]], force: bool, names: str) -> str:
    scored = [one for _, _, one in runs if one and not force and (one.seed_folder / "results.json").exists()]
    kept = f"; scored already, kept unless their trainings change: {len(scored)}" if scored else ""
    return f"score {len(runs)} {'run' if len(runs) == 1 else 'runs'} on the test part of {names}{kept}."


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
