"""Plan of the trainings of a set of rows: each phase once, complete and shared ones named, and the hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from speechbrain_ext import hparams
from speechbrain_ext.corpora.data_folder import read_facts
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.training.experiment import PREPARE, Experiment, folds_file, load_hparams, protocol_of
from speechbrain_ext.training.finished import is_finished
from speechbrain_ext.training.progress import seconds_text
from speechbrain_ext.training.rates import Rates, kept_results
from speechbrain_ext.training.run_request import print_trusted
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.schedule import scaled_epochs
from speechbrain_ext.utils.files import sha256_json
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.yaml_tree import REFERENCE

# Folds of protocols whose number no corpus decides.
FOLDS = {"random5": 5, "speaker5": 5, ALL_DATA: 1}


@dataclass(frozen=True)
class PlannedRun:
    """A run with its hyper-parameters, and with its experiment once stage 0 is done."""

    spec: RunSpec
    hp: hparams.Hparams
    experiment: Experiment | None = None

    @property
    def protocol(self) -> str:
        """The protocol asked for, or the recipe's own."""
        return protocol_of(self.spec, self.hp)


@dataclass(frozen=True)
class PlannedPhase:
    """A phase of a fold of a row: to train, complete already, or the same as an earlier row's.

    Attributes
    ----------
    state : str
        "train", "complete" or "shared".
    epochs : int
        How many epochs it is trained.
    epoch_seconds : float or None
        Seconds of an epoch, as `Rates` knows them; None where nothing is known.
    origin : str
        Where the seconds are known from; "" where they are not.
    """

    row: str
    seed: int
    fold: str
    name: str
    state: str
    epochs: int
    epoch_seconds: float | None
    origin: str = ""


@dataclass(frozen=True)
class Plan:
    """All phases of all rows, and whether the number of folds is known."""

    phases: tuple[PlannedPhase, ...]
    folds_known: bool

    def of(self, state: str) -> list[PlannedPhase]:
        """Phases of one state."""
        return [phase for phase in self.phases if phase.state == state]

    def hours(self) -> tuple[float, list[str]]:
        """Estimated hours of all trainings one after the other, and the phases whose rate is not known."""
        unknown = list(dict.fromkeys(phase.name for phase in self.of("train") if phase.epoch_seconds is None))
        seconds = sum(
            phase.epochs * phase.epoch_seconds for phase in self.of("train") if phase.epoch_seconds is not None
        )
        return seconds / 3600, unknown


def make_plan(runs: Sequence[PlannedRun], force: bool = False, folds: Sequence[str] = ()) -> Plan:
    """Plan the trainings of rows and seeds, in order.

    Arguments
    ---------
    runs : sequence of PlannedRun
        One for each row and seed; before stage 0 the plan goes by the hyper-parameters alone.
    force : bool
        Complete phases are trained again.
    folds : sequence of str
        Names of the folds; empty for all.

    Returns
    -------
    Plan
    """
    seen: set[str] = set()
    planned, known = [], True
    for run in runs:
        spec, hp, experiment = run.spec, run.hp, run.experiment
        number = len(experiment.folds.folds) if experiment else folds_of(run)
        names = experiment.folds.names if experiment else [str(fold) for fold in range(1, (number or 1) + 1)]
        if folds and experiment:
            names = [name for name in names if name in folds]
        elif folds:
            names, number = list(folds), len(folds)
        known &= number is not None
        rates = Rates(Path(spec.exp) / Path(spec.data).name, hp)
        for fold in names:
            for phase in hp.phases:
                key = f"{_place(run, phase, fold)} {phase}"
                done = experiment and not force and is_finished(experiment.phase_folder(phase, fold), phase)
                state = "shared" if key in seen else "complete" if done else "train"
                seen.add(key)
                rate = rates.of(phase, len(experiment.fold(fold).train) if experiment else None)
                known_rate = (rate.epoch_seconds, rate.origin) if rate else (None, "")
                epochs = spec.fixed_epochs.get(phase) or epochs_of(hp.tree, phase)
                planned.append(PlannedPhase(spec.row, spec.seed, fold, phase, state, epochs, *known_rate))
    return Plan(tuple(planned), known)


def plan_text(plan: Plan, jobs: int) -> str:
    """Write a plan: a line a row, the trainings by phase, and the hours."""
    rows = list(dict.fromkeys(phase.row for phase in plan.phases))
    width = max(len("row"), *(len(row) for row in rows))
    lines = [f"  {'row':<{width}}  {'to train':>8}  {'complete already':>16}  {'shared':>6}  phases"]
    for row in rows:
        mine = [phase for phase in plan.phases if phase.row == row]
        train, done, shared = (sum(phase.state == state for phase in mine) for state in ("train", "complete", "shared"))
        phases = ", ".join(dict.fromkeys(phase.name for phase in mine))
        lines.append(f"  {row:<{width}}  {train:>8}  {done:>16}  {shared:>6}  {phases}")
    by_phase: dict[str, int] = defaultdict(int)
    for phase in plan.of("train"):
        by_phase[phase.name] += 1
    parts = f" ({', '.join(f'{name} {number}' for name, number in by_phase.items())})" if by_phase else ""
    per_fold = "" if plan.folds_known else " per fold: their number is known after stage 0"
    lines.append(f"trainings to do: {len(plan.of('train'))}{parts}{per_fold}")
    lines.append(
        f"phases reused: {len(plan.of('complete'))} complete already, {len(plan.of('shared'))} shared with a row above"
    )
    lines.append(_hours_text(plan, jobs))
    return "\n".join(lines)


def _hours_text(plan: Plan, jobs: int) -> str:
    """Write the hours with what they are known from; unknown ones are said to be."""
    hours, unknown = plan.hours()
    origins: dict[str, list[str]] = defaultdict(list)
    for phase in plan.of("train"):
        if phase.origin and phase.name not in origins[phase.origin]:
            origins[phase.origin].append(phase.name)
    from_where = "; ".join(f"{', '.join(phases)}: {origin}" for origin, phases in origins.items() if phases)
    source = f" (seconds of an epoch from: {from_where})" if from_where else ""
    if unknown or not plan.folds_known:
        why = "the number of folds is not known yet"
        if unknown:
            why = f"no complete phase of {', '.join(unknown)} to go by"
        per_fold = "" if plan.folds_known else " per fold"
        return f"estimated hours: unknown ({why})" + (
            f"; the others {_hours(hours)}{per_fold}{source}" if hours else ""
        )
    return f"estimated hours: {_hours(hours)} one after the other, {_hours(hours / jobs)} with --jobs {jobs}{source}"


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 0.1 or not hours else f"{hours:.1f} ({seconds_text(3600 * hours)})"


def load_run(spec: RunSpec) -> PlannedRun:
    """Load the hyper-parameters of a run, and its experiment where stage 0 has made what it reads."""
    facts = Path(spec.data) / "manifest.json"
    if not facts.exists():
        source = Path(spec.data).name.rpartition("-")[2]
        overrides = hparams.parse_overrides(list(spec.overrides))
        hp = hparams.load_system(spec.recipe, spec.system, overrides, source, preset=spec.preset, trust=spec.trust)
        print_trusted(hp.trusted)
        return PlannedRun(spec, hp)
    manifest = read_facts(spec.data, PREPARE)
    hp = load_hparams(spec, manifest)
    print_trusted(hp.trusted)
    if not folds_file(spec, hp, manifest).exists():
        return PlannedRun(spec, hp)
    return PlannedRun(spec, hp, Experiment(spec, hp))


def _place(run: PlannedRun, phase: str, fold: str) -> str:
    """Unique key of a training: its folder, or before stage 0 the inputs that the folder's name will depend on."""
    spec, hp = run.spec, run.hp
    if run.experiment:
        return str(run.experiment.phase_folder(phase, fold))
    if not hp.shared(phase):
        return f"{hp.system_name} {spec.row} {run.protocol} {spec.seed} {spec.method} {spec.target} {fold}"
    names = [*hp.frozen(phase), phase]
    same = replace(spec, row="", overrides=(), table="", table_row="", command="")
    return f"{sha256_json([hp.phase_tree(name) for name in names])} {same} {fold}"


def folds_of(run: PlannedRun) -> int | None:
    """The number of folds before stage 0: the protocol's own, or that of kept results of the same real corpus."""
    corpus, _, source = Path(run.spec.data).name.rpartition("-")
    if run.protocol in FOLDS or source != "real":
        return FOLDS.get(run.protocol)
    kept = kept_results(run.hp.recipe.resolve().parent / corpus)
    return next((one.folds_of_protocol for one in kept if one.protocol == run.protocol), None)


def epochs_of(tree: JsonObject, phase: str) -> int:
    """The epochs that a phase is trained, with the schedule's scale."""
    nodes: Any = tree["phases"]
    value: Any = (nodes[phase].get("training") or {}).get("epochs", tree.get("epochs", 1))
    while isinstance(value, str) and (found := REFERENCE.search(value)):
        value = tree[found[1]]
    scale: Any = tree.get("schedule_scale", 1.0)
    return scaled_epochs(int(value), float(scale))
