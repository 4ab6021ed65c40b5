"""What a set of rows would train: each step once, those that are whole or shared named, and the hours it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from speechbrain_ext import hparams
from speechbrain_ext.data_folder import read_facts
from speechbrain_ext.errors import UserError
from speechbrain_ext.files import read_sealed, sha256_json
from speechbrain_ext.training.experiment import PREPARE, Experiment, folds_file, load_hparams, protocol_of
from speechbrain_ext.training.finished import TRAIN, is_finished
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.schedule import scaled_epochs
from speechbrain_ext.yaml_tree import REFERENCE

# Folds of protocols whose number no corpus decides.
FOLDS = {"random5": 5}


@dataclass(frozen=True)
class PlannedStep:
    """A step of a fold of a row: to train, whole already, or the same as an earlier row's.

    Attributes
    ----------
    state : str
        "train", "whole" or "shared".
    epochs : int
        How many epochs it is trained.
    epoch_seconds : float or None
        What an epoch of it took in a whole step like it; None where there is none.
    """

    row: str
    seed: int
    fold: str
    step: str
    state: str
    epochs: int
    epoch_seconds: float | None


@dataclass(frozen=True)
class Plan:
    """All steps of all rows, and whether the number of folds is known."""

    steps: tuple[PlannedStep, ...]
    folds_known: bool

    def of(self, state: str) -> list[PlannedStep]:
        """Steps of one state."""
        return [step for step in self.steps if step.state == state]

    def hours(self) -> tuple[float, list[str]]:
        """Estimated hours of all trainings one after the other, and the steps for which nothing tells."""
        unknown = list(dict.fromkeys(step.step for step in self.of("train") if step.epoch_seconds is None))
        seconds = sum(step.epochs * step.epoch_seconds for step in self.of("train") if step.epoch_seconds is not None)
        return seconds / 3600, unknown


def make_plan(specs: Sequence[RunSpec], force: bool = False) -> Plan:
    """Plan the trainings of rows and seeds, in order.

    Arguments
    ---------
    specs : sequence of RunSpec
        One for each row and seed; before stage 0 the plan goes by the hyper-parameters alone.
    force : bool
        What is whole is trained again.

    Returns
    -------
    Plan
    """
    seen: set[str] = set()
    planned, known = [], True
    for spec in specs:
        hp, experiment = _loaded(spec)
        protocol = protocol_of(spec, hp)
        number = len(experiment.folds["folds"]) if experiment else FOLDS.get(protocol)
        known &= number is not None
        names = [fold["name"] for fold in experiment.folds["folds"]] if experiment else range(1, (number or 1) + 1)
        rates = _rates(Path(spec.exp) / Path(spec.data).name, hp)
        for fold in names:
            for step in hp.steps:
                key = f"{_place(spec, hp, experiment, step, str(fold))} {step}"
                whole = experiment and not force and is_finished(experiment.step_folder(step, fold), step)
                state = "shared" if key in seen else "whole" if whole else "train"
                seen.add(key)
                planned.append(
                    PlannedStep(spec.row, spec.seed, str(fold), step, state, _epochs(hp.tree, step), rates(step))
                )
    return Plan(tuple(planned), known)


def plan_text(plan: Plan, jobs: int) -> str:
    """Write a plan: a line a row, the trainings by step, and the hours."""
    rows = list(dict.fromkeys(step.row for step in plan.steps))
    width = max(len("row"), *(len(row) for row in rows))
    lines = [f"  {'row':<{width}}  {'to train':>8}  {'whole already':>13}  {'shared':>6}  steps"]
    for row in rows:
        mine = [step for step in plan.steps if step.row == row]
        counts = {state: sum(step.state == state for step in mine) for state in ("train", "whole", "shared")}
        steps = ", ".join(dict.fromkeys(step.step for step in mine))
        lines.append(f"  {row:<{width}}  {counts['train']:>8}  {counts['whole']:>13}  {counts['shared']:>6}  {steps}")
    by_step: dict[str, int] = defaultdict(int)
    for step in plan.of("train"):
        by_step[step.step] += 1
    told = f" ({', '.join(f'{name} {number}' for name, number in by_step.items())})" if by_step else ""
    per_fold = "" if plan.folds_known else " per fold: their number is known after stage 0"
    lines.append(f"trainings to do: {len(plan.of('train'))}{told}{per_fold}")
    lines.append(
        f"steps reused: {len(plan.of('whole'))} whole already, {len(plan.of('shared'))} shared with a row above"
    )
    hours, unknown = plan.hours()
    if unknown or not plan.folds_known:
        why = f"no whole step of {', '.join(unknown)} to go by" if unknown else "the number of folds is not known yet"
        lines.append(f"estimated hours: unknown ({why})" + (f"; the others {hours:.1f}" if hours else ""))
    else:
        lines.append(f"estimated hours: {hours:.1f} one after the other, {hours / jobs:.1f} with --jobs {jobs}")
    return "\n".join(lines)


def _loaded(spec: RunSpec) -> tuple[hparams.Hparams, Experiment | None]:
    """Hyper-parameters, and the experiment where stage 0 has made what it reads."""
    facts = Path(spec.data) / "manifest.json"
    if not facts.exists():
        source = Path(spec.data).name.rpartition("-")[2]
        overrides = hparams.parse_overrides(list(spec.overrides))
        return hparams.load(spec.recipe_yaml, overrides, source, preset=spec.preset, trust=spec.trust), None
    manifest = read_facts(spec.data, PREPARE)
    hp = load_hparams(spec, manifest)
    if not folds_file(spec, hp, manifest).exists():
        return hp, None
    experiment = Experiment(spec)
    return experiment.hp, experiment


def _place(spec: RunSpec, hp: hparams.Hparams, experiment: Experiment | None, step: str, fold: str) -> str:
    """What names a training: its folder, or before stage 0 what that will be made from."""
    if experiment:
        return str(experiment.step_folder(step, fold))
    if not hp.shared(step):
        return f"{hp.system_name} {spec.row} {spec.seed} {fold}"
    names = [*hp.frozen(step), step]
    same = replace(spec, row="", overrides=(), table="", table_row="", command="")
    return f"{sha256_json([hp.step_tree(name) for name in names])} {same} {fold}"


def _epochs(tree: dict[str, Any], step: str) -> int:
    value = (tree["steps"][step].get("training") or {}).get("epochs", tree.get("epochs", 1))
    while isinstance(value, str) and (found := REFERENCE.search(value)):
        value = tree[found[1]]
    return scaled_epochs(int(value), float(tree.get("schedule_scale", 1.0)))


def _rates(corpus_folder: Path, hp: hparams.Hparams) -> Callable[[str], float | None]:
    """Seconds an epoch of a step, from whole steps with the same keys, else from those of the same name."""
    same: dict[str, list[float]] = defaultdict(list)
    named: dict[str, list[float]] = defaultdict(list)
    for pattern in ("steps/*/done-*.json", f"{hp.system_name}/*/*/seed-*/fold-*/done-*.json"):
        for path in sorted(corpus_folder.glob(pattern)):
            try:
                done = read_sealed(path, TRAIN)
                depends = read_sealed(path.parent / f"depends-{done['step']}.json", TRAIN)
            except UserError:
                # A damaged record says nothing about time; training names it.
                continue
            step, epochs = done["step"], done["epochs"]
            if step not in hp.tree["steps"] or not epochs:
                continue
            rate = done["train_seconds"] / epochs
            named[step].append(rate)
            if depends["hparams"] == hp.step_tree(step):
                same[step].append(rate)

    def rate_of(step: str) -> float | None:
        found = same.get(step) or named.get(step)
        return median(found) if found else None

    return rate_of
