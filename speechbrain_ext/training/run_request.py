"""What stages 1 to 3 are asked for: the runs of a row, one a seed, and how they are made."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from speechbrain_ext.hparams import parse_overrides
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.paper_tables import Table, load_table, words_of
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.table_names import RESERVED
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.folders import is_name

# The names of kept results hold it, and those of a system and a protocol.
LONGEST_TAG = 100


@dataclass(frozen=True)
class RunRequest:
    """What stages 1 to 3 are asked for.

    Attributes
    ----------
    specs : tuple of RunSpec
        The runs of one row: they differ in the seed alone.
    folds : tuple of str
        Names of the folds; empty for all.
    jobs, nproc : int
        Worker processes; ranks of one training.
    measure_jobs : bool
        Train fewer folds than `jobs` side by side where a measurement shows that this is faster.
    wait : bool
        Wait for another run on the same experiment, instead of refusing.
    force : bool
        Redo what is complete.
    """

    specs: tuple[RunSpec, ...]
    folds: tuple[str, ...] = ()
    jobs: int = 1
    nproc: int = 1
    measure_jobs: bool = False
    wait: bool = False
    force: bool = False

    @cached_property
    def experiments(self) -> tuple[Experiment, ...]:
        """The experiment of each run, built once for all stages."""
        runs = tuple(
            Experiment(replace(spec, device=choose_device(spec.device, spec.precision))) for spec in self.specs
        )
        print_trusted(runs[0].hp.trusted)
        return runs

    def fold_names(self, experiment: Experiment) -> list[str]:
        """The folds asked for, in the order of the protocol.

        Raises
        ------
        UsageError
            There is no such fold.
        """
        for name in self.folds:
            experiment.fold(name)
        return [name for name in experiment.folds.names if not self.folds or name in self.folds]


def with_row(spec: RunSpec, tag: str = "") -> RunSpec:
    """Complete a specification with the name of its row; a row of a paper's table sets system, protocol and overrides.

    Arguments
    ---------
    spec : RunSpec
        With `table` and `table_row`, or with overrides of the user alone.
    tag : str
        The user's name for the run.

    Raises
    ------
    UsageError
        The name is no plain one or is missing, or the table has no such row.
    """
    if spec.overrides and not tag:
        raise UsageError(f"overrides need a name for their row: add --tag NAME before -- {shlex.join(spec.overrides)}")
    if tag and not (is_name(tag) and len(tag.encode()) <= LONGEST_TAG):
        raise UsageError(f"--tag {tag[:200]}: expected a plain name of up to {LONGEST_TAG} bytes: choose another")
    if spec.table:
        return _of_table(spec, load_table(spec.recipe, spec.table), spec.table_row, tag)
    if RESERVED.match(tag):
        raise UsageError(f"--tag {tag}: such names are for the rows of --table: choose another")
    return replace(spec, row=tag or ("default" if spec.preset == "paper" else spec.preset))


def table_specs(spec: RunSpec, table: Table, tag: str = "") -> list[RunSpec]:
    """Complete a specification for each row of a paper's table."""
    return [_of_table(spec, table, row.name, tag) for row in table.rows]


def with_seeds(spec: RunSpec, seeds: Sequence[int]) -> tuple[RunSpec, ...]:
    """The specification of each seed."""
    return tuple(replace(spec, seed=seed) for seed in seeds)


def _of_table(spec: RunSpec, table: Table, name: str, tag: str) -> RunSpec:
    if parse_overrides(list(spec.overrides)).get("dimensions"):
        raise UsageError(f"--table {table.id}: tables are of classes, found dimensions: leave one of the two out")
    row = table.row(name)
    return replace(
        spec,
        system=row.system,
        row=".".join([row.folder, *([] if spec.preset == "paper" else [spec.preset]), *filter(None, [tag])]),
        protocol=row.protocol if spec.protocol == "paper" else spec.protocol,
        overrides=words_of(table, row, spec.overrides),
        table_row=name,
    )


def choose_device(device: str, precision: str) -> str:
    """The device asked for, or a GPU where there is one.

    Raises
    ------
    UsageError
        The device is not there, or does not offer the precision.
    """
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise UsageError(f"--device {device}: expected cpu or cuda")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"--device {device}: no GPU is visible here: use --device cpu")
    if device == "cpu" and precision == "fp16":
        raise UsageError("--precision fp16 needs a GPU: use bf16 or fp32 on a CPU")
    return device


@lru_cache
def print_trusted(tags: tuple[str, ...]) -> None:
    """Print once what runs only because of --trust."""
    for tag in tags:
        print(f"--trust: runs {tag}", flush=True)
