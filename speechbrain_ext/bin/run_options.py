"""Options that the stages after the first have in common."""

from __future__ import annotations

import argparse
import shlex
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.options import DIGITS, MOST_JOBS, OptionParser, folder, whole_number
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.folders import is_name

if TYPE_CHECKING:
    from speechbrain_ext.training.experiment import Experiment
    from speechbrain_ext.training.run_spec import RunSpec

# The names of kept results hold it, and those of a system and a protocol.
LONGEST_TAG = 100


def run_parser(description: str, module: str) -> OptionParser:
    """A parser for a stage that works on one row of results."""
    parser = OptionParser(prog=f"python -m speechbrain_ext.bin.{module}", description=description)
    add = parser.add_argument
    add("--recipe", required=True, type=Path, metavar="DIR", help="a recipe's folder, e.g. recipes/EmoDB")
    add("--system", required=True, help="a system of recipes/shared/systems or of the recipe's hparams")
    add("--data", required=True, type=folder, metavar="DIR", help="data/<CORPUS>-<source>, made by stage 0")
    add("--exp", required=True, type=folder, metavar="DIR", help="where experiments are written")
    add("--cache", default=None, metavar="DIR", help="the features' cache (default: SER_CACHE or .cache)")
    add("--preset", default="paper", help="paper (default), official: as the authors' code does it")
    add("--tag", default="", help="a name for a run with overrides")
    add("--table", default="", metavar="ID", help="a paper's table, such as amsnet/5: the run is its --row")
    add("--row", default="", metavar="NAME", help="a row of --table: its variant, overrides and the paper's numbers")
    add("--protocol", default="paper", help="paper (the system's own), random5, speaker, session, speaker-text")
    add("--dev", default="none", help="none, speaker, session, fraction")
    add("--selection", default="", help="last, dev, test; default: dev where there is a development part, else last")
    add("--folds", default="", metavar="LIST", help="names of folds, with commas (default: all)")
    add("--fold-seed", type=whole_number(0), default=0, metavar="N", help="the seed of the split itself (default: 0)")
    add("--seeds", default="1", metavar="LIST", help="seeds of initialisation and order (default: 1)")
    add("--nproc", type=whole_number(1, MOST_JOBS), default=1, metavar="N", help="ranks of one training (default: 1)")
    add("--jobs", type=whole_number(1, MOST_JOBS), default=1, metavar="N", help="worker processes (default: 1)")
    add("--threads", type=whole_number(1, MOST_JOBS), default=1, metavar="N", help="threads per process (default: 1)")
    add("--device", default="", help="cpu, cuda (default: cuda where there is one)")
    add("--precision", default="fp32", choices=("fp32", "bf16", "fp16"), help="of training (default: fp32)")
    add("--compile", action="store_true", help="torch.compile the model")
    add("--wait", action="store_true", help="wait for another run on the same experiment")
    add("--force", action="store_true", help="redo what is there")
    add("--trust", action="store_true", help="run the code that a YAML from outside the repository's recipes names")
    add("--command", default="", help=argparse.SUPPRESS)
    add("overrides", nargs="*", metavar="-- --key value", help="hyper-parameters of the system")
    return parser


def experiments(args: argparse.Namespace) -> list[Experiment]:
    """One experiment a seed, checked; imports what argparse did not need."""
    from speechbrain_ext.training.experiment import Experiment

    return [Experiment(spec) for spec in specifications(args)]


def specifications(args: argparse.Namespace) -> list[RunSpec]:
    """What is asked for, one specification a seed, checked without a look at the data."""
    from speechbrain_ext.hparams import load, parse_overrides
    from speechbrain_ext.training.run_spec import RunSpec, default_cache

    if args.overrides and not args.tag:
        raise UsageError(f"overrides need a name for their row: add --tag NAME before -- {shlex.join(args.overrides)}")
    if args.tag and not (is_name(args.tag) and len(args.tag.encode()) <= LONGEST_TAG):
        raise UsageError(f"--tag {args.tag[:200]}: expected a plain name of up to {LONGEST_TAG} bytes: choose another")
    system, name, protocol, overrides = _row(args)
    hp = load(args.recipe, system, parse_overrides(list(overrides)), preset=args.preset, trust=args.trust)
    print_trusted(hp.trusted)
    if args.table and hp.task.dimensions:
        raise UsageError(f"--table {args.table}: tables are of classes, found dimensions: leave one of the two out")
    spec = RunSpec(
        recipe=str(args.recipe.resolve()),
        system=system,
        data=str(args.data.resolve()),
        exp=str(args.exp.resolve()),
        cache=str(Path(args.cache or default_cache()).resolve()),
        overrides=overrides,
        row=name,
        preset=args.preset,
        protocol=protocol,
        dev=args.dev,
        fold_seed=args.fold_seed,
        selection=args.selection,
        device=_device(args),
        precision=args.precision,
        compile=args.compile,
        threads=args.threads,
        command=args.command,
        table=args.table,
        table_row=args.row,
        trust=args.trust,
    )
    from dataclasses import replace

    return [replace(spec, seed=seed) for seed in _seeds(args.seeds)]


@lru_cache
def print_trusted(tags: tuple[str, ...]) -> None:
    """Print once what runs only because of --trust."""
    for tag in tags:
        print(f"--trust: runs {tag}", flush=True)


def _row(args: argparse.Namespace) -> tuple[str, str, str, tuple[str, ...]]:
    """System, name of the row, protocol and overrides: the user's, or those of a row of a paper's table."""
    from speechbrain_ext.training.paper_tables import RESERVED, load_table, words_of

    if not args.table:
        if RESERVED.match(args.tag):
            raise UsageError(f"--tag {args.tag}: such names are for the rows of --table: choose another")
        name = args.tag or ("default" if args.preset == "paper" else args.preset)
        return args.system, name, args.protocol, tuple(args.overrides)
    table = load_table(args.recipe, args.table)
    row = table.row(args.row)
    name = ".".join([row.folder, *([] if args.preset == "paper" else [args.preset]), *filter(None, [args.tag])])
    protocol = row.protocol if args.protocol == "paper" else args.protocol
    return row.system, name, protocol, words_of(table, row, args.overrides)


def chosen_folds(args: argparse.Namespace, experiment: Experiment) -> list[str]:
    """The folds asked for, checked, in the order of the protocol."""
    names = [name for name in args.folds.replace(",", " ").split() if name]
    for name in names:
        experiment.fold(name)
    return [name for name in experiment.folds.names if not names or name in names]


def _seeds(text: str) -> list[int]:
    words = text.replace(",", " ").split()
    seeds = [int(word) for word in words if DIGITS.fullmatch(word)]
    if not seeds or len(seeds) < len(words) or len(set(seeds)) != len(seeds):
        raise UsageError(f"--seeds {text[:200]!r}: expected different whole numbers with commas, e.g. 1,2,3")
    return seeds


def _device(args: argparse.Namespace) -> str:
    import torch

    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.split(":")[0] not in ("cpu", "cuda"):
        raise UsageError(f"--device {device}: expected cpu or cuda")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"--device {device}: no GPU is visible here: use --device cpu")
    if device == "cpu" and args.precision == "fp16":
        raise UsageError("--precision fp16 needs a GPU: use bf16 or fp32 on a CPU")
    return device
