"""Options as the records that library functions take."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechbrain_ext.bin.options import cores
from speechbrain_ext.utils.errors import UsageError

if TYPE_CHECKING:
    from speechbrain_ext.cross_corpus.request import MatrixRequest
    from speechbrain_ext.cross_corpus.targets import TargetsRequest
    from speechbrain_ext.preparation.request import CorpusRequest
    from speechbrain_ext.stages import StagesRequest
    from speechbrain_ext.training.run_request import RunRequest
    from speechbrain_ext.training.run_spec import RunSpec


def run_spec(asked: argparse.Namespace, prepared: Path) -> RunSpec:
    """What is asked of a run, before its row and seed are known."""
    from speechbrain_ext.training.run_spec import RunSpec, default_cache

    return RunSpec(
        recipe=str(asked.recipe.resolve()),
        system=asked.system,
        data=str(prepared.resolve()),
        exp=str(asked.exp.resolve()),
        cache=str(Path(getattr(asked, "cache", "") or default_cache()).resolve()),
        overrides=tuple(asked.overrides),
        preset=asked.preset,
        protocol=asked.protocol,
        dev=asked.dev,
        fold_seed=asked.fold_seed,
        selection=asked.selection or "",
        device=asked.device,
        precision=asked.precision,
        compile=asked.compile,
        threads=asked.threads or max(1, cores() // (asked.jobs or cores())),
        command=getattr(asked, "command_line", ""),
        table=asked.table,
        table_row=getattr(asked, "row", ""),
        trust=asked.trust,
    )


def run_request(asked: argparse.Namespace, spec: RunSpec) -> RunRequest:
    """The runs of a row, one a seed."""
    from speechbrain_ext.training.run_request import RunRequest, with_seeds

    specs = with_seeds(spec, asked.seeds or (asked.seed,))
    jobs = asked.jobs or cores()
    measured = not asked.jobs
    return RunRequest(specs, asked.folds, jobs, asked.nproc, measure_jobs=measured, wait=asked.wait, force=asked.force)


def stage_request(asked: argparse.Namespace) -> RunRequest:
    """What stages 1 to 3 are asked for by their own commands."""
    from speechbrain_ext.training.run_request import with_row

    return run_request(asked, with_row(run_spec(asked, asked.data), asked.tag))


def corpus_request(asked: argparse.Namespace) -> CorpusRequest:
    """What stage 0 is asked for."""
    from speechbrain_ext.preparation.request import CorpusRequest

    return CorpusRequest(
        corpus=asked.corpus,
        root=str(asked.corpus_root),
        data=asked.data,
        source=asked.source,
        edition=asked.corpus_edition,
        label_map=asked.label_map,
        protocol=asked.protocol,
        dev=asked.dev,
        fold_seed=asked.fold_seed,
        jobs=asked.jobs or cores(),
        check_audio=not asked.no_audio_check,
        force=asked.force,
        verify=asked.verify,
    )


def stages_request(asked: argparse.Namespace) -> StagesRequest:
    """What run.sh is asked for."""
    from speechbrain_ext.stages import StagesRequest
    from speechbrain_ext.training.paper_tables import load_table
    from speechbrain_ext.training.reference_row import reference_row
    from speechbrain_ext.training.run_request import table_specs, with_row

    spec = run_spec(asked, asked.prepared)
    table = load_table(asked.recipe, asked.table) if asked.table else None
    if table and asked.shuffled_row:
        table = table.with_shuffled_row()
    if table and asked.reference:
        # Before any stage, for its error.
        reference_row(table, asked.reference)
    specs = table_specs(spec, table, asked.tag) if table else [with_row(spec, asked.tag)]
    return StagesRequest(
        corpus=corpus_request(asked),
        rows=tuple(run_request(asked, one) for one in specs),
        stages=range(asked.stage, asked.stop_stage + 1),
        table=table,
        mark=".".join(mark for mark in (asked.preset, asked.tag) if mark not in ("", "paper")),
        columns=asked.columns,
        paper=asked.paper,
        reference=asked.reference,
        root_variable=asked.root_variable,
    )


def targets_request(asked: argparse.Namespace) -> TargetsRequest:
    """What run.sh is asked for with targets, or with corpora that are trained on together."""
    from speechbrain_ext.corpora.shared_classes import read_class_map
    from speechbrain_ext.cross_corpus.targets import TargetsRequest
    from speechbrain_ext.hparams import parse_overrides
    from speechbrain_ext.preparation.request import CorpusRequest
    from speechbrain_ext.training.methods import find_methods

    stages = stages_request(asked)
    dimensions: Any = parse_overrides(list(asked.overrides)).get("dimensions")
    _refuse_of_classes(asked, dimensions or ())

    def corpus(name: str, root: str) -> CorpusRequest:
        if name == asked.corpus:
            return stages.corpus
        place = root or str(asked.data / "mini-corpus" / name)
        return CorpusRequest(corpus=name, root=place, data=asked.data, source=asked.source, jobs=stages.corpus.jobs)

    return TargetsRequest(
        stages=stages,
        targets=tuple(corpus(name, root) for _, name, root in asked.found_targets),
        train_corpora=tuple(corpus(name, root) for _, name, root in asked.found_train_corpora),
        dimensions=tuple(dimensions or ()),
        methods=find_methods(asked.methods),
        shared_classes=asked.shared_classes,
        class_map=read_class_map(asked.class_map) if asked.class_map else {},
    )


def _refuse_of_classes(asked: argparse.Namespace, dimensions: Sequence[str]) -> None:
    """Refuse options that only classes have."""
    for option, value in (("class-map", asked.class_map), ("shared-classes", asked.shared_classes != "train")):
        if dimensions and value:
            raise UsageError(f"--{option} is for classes: leave it or the dimensions out")


def matrix_request(asked: argparse.Namespace) -> MatrixRequest:
    """What cross_corpus.sh is asked for."""
    from speechbrain_ext.corpora.shared_classes import read_class_map
    from speechbrain_ext.corpora.task import Task
    from speechbrain_ext.cross_corpus.request import MatrixRequest
    from speechbrain_ext.preparation.request import CorpusRequest
    from speechbrain_ext.training.methods import find_methods
    from speechbrain_ext.training.run_spec import RunSpec, default_cache

    dimensions = Task.from_keys({"dimensions": list(asked.dimensions)}, "option").dimensions
    _refuse_of_classes(asked, dimensions)
    jobs = asked.jobs or cores()
    data, exp = asked.data.resolve(), asked.exp.resolve()
    corpora = tuple(
        CorpusRequest(corpus=name, root=root, data=data, source=source, jobs=jobs, force=asked.force)
        for _, name, root, source in asked.found
    )
    spec = RunSpec(
        recipe="",
        system="",
        data="",
        exp=str(exp),
        cache=str(Path(asked.cache or default_cache()).resolve()),
        seed=asked.seed,
        device=asked.device,
        threads=asked.threads,
        command=asked.command_line,
        trust=asked.trust,
    )
    return MatrixRequest(
        corpora=corpora,
        recipes=tuple(str(folder.resolve()) for folder, *_ in asked.found),
        systems=asked.systems,
        methods=find_methods(asked.methods),
        spec=spec,
        out=(asked.out[0] if asked.out else exp / "cross-corpus").resolve(),
        overrides=asked.by_system,
        protocol="speaker5" if asked.protocol == "paper" else asked.protocol,
        dimensions=dimensions,
        class_map=read_class_map(asked.class_map) if asked.class_map else {},
        shared_classes=asked.shared_classes,
        leave_one_out=asked.leave_one_out,
        jobs=jobs,
        wait=asked.wait,
        force=asked.force,
    )


def preparation_specs(asked: argparse.Namespace) -> list[RunSpec]:
    """The runs of a recipe, a system or a table's rows, whose folds stage 0 makes."""
    from speechbrain_ext.training.paper_tables import load_table
    from speechbrain_ext.training.run_request import table_specs
    from speechbrain_ext.training.run_spec import RunSpec

    if asked.recipe is None:
        if asked.overrides:
            raise UsageError(f"expected an option, found {asked.overrides[0]!r}: overrides need --recipe and --system")
        return []
    if not (asked.system or asked.table):
        raise UsageError("--recipe needs a system or a table of it: add --system NAME")
    spec = RunSpec(
        recipe=str(asked.recipe.resolve()),
        system=asked.system,
        data="",
        exp="",
        cache="",
        overrides=tuple(asked.overrides),
        preset=asked.preset,
        protocol=asked.protocol,
        table=asked.table,
        trust=asked.trust,
    )
    return table_specs(spec, load_table(asked.recipe, asked.table)) if asked.table else [spec]
