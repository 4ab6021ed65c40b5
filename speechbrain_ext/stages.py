"""The stages of a recipe in one process, each with what it prints; a stage imports what it needs when it is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.report.tables.table_keys import LATEX_COLUMNS
from speechbrain_ext.utils.workers import keep_workers

if TYPE_CHECKING:
    from speechbrain_ext.corpora import Corpus
    from speechbrain_ext.corpora.task import Task
    from speechbrain_ext.preparation.request import CorpusRequest, PrepareRequest
    from speechbrain_ext.training.paper_tables import Table
    from speechbrain_ext.training.run_request import RunRequest
    from speechbrain_ext.training.run_spec import RunSpec
    from speechbrain_ext.training.run_time import RunClock

RULE = "=" * 82
ALL_STAGES = [0, 1, 2, 3, 4]


@dataclass(frozen=True)
class StagesRequest:
    """What `run.sh` is asked for.

    Attributes
    ----------
    corpus : CorpusRequest
        What stage 0 prepares; its root is written first where the source is "mini".
    rows : tuple of RunRequest
        The run, or one for each row of the table.
    stages : range
        The stages from the first to the last.
    table : Table or None
        The paper's table whose rows are run.
    mark, columns, paper, reference
        As for `speechbrain_ext.report.tables.run_table.TableRequest`.
    root_variable : str
        The environment variable that may name the corpus, for the message about the mini corpus.
    """

    corpus: CorpusRequest
    rows: tuple[RunRequest, ...]
    stages: range
    table: Table | None = None
    mark: str = ""
    columns: tuple[str, ...] = LATEX_COLUMNS
    paper: bool = False
    reference: str = ""
    root_variable: str = ""


def run_stages(request: StagesRequest, before_page: Callable[[], None] | None = None) -> None:
    """Run stages one after the other, with the time of each.

    Arguments
    ---------
    request : StagesRequest
    before_page : callable
        What stage 4 does first, for its page to show it.

    Raises
    ------
    UserError
        As the stages do.
    """
    _banner(request)
    started = time.monotonic()
    clock = _clock(request)
    with keep_workers():
        _run_all(request, before_page)
    if clock and list(request.stages) == ALL_STAGES and before_page is None:
        clock.keep()
    _banner(request)
    _log(f"finished in {time.monotonic() - started:.0f} s")


def _clock(request: StagesRequest) -> RunClock | None:
    """Say how long the trainings will take, where there are some to be done."""
    from speechbrain_ext.training.plan import load_run
    from speechbrain_ext.training.run_time import RunClock

    if 2 not in request.stages:
        return None
    first = request.rows[0]
    clock = RunClock(
        [load_run(spec) for row in request.rows for spec in row.specs], first.jobs, first.folds, first.force
    )
    _log(clock.text())
    return clock


def _run_all(request: StagesRequest, before_page: Callable[[], None] | None) -> None:
    stages = list(request.stages)
    while stages:
        begun, stage = time.monotonic(), stages.pop(0)
        if request.table and stage in (1, 2, 3):
            together = [stage, *(later for later in stages if later <= 3)]
            stages = [later for later in stages if later > 3]
            _log(f"stages {stage} to {together[-1]}: table {request.table.id}, every row")
            table(request, together)
            stage = together[-1]
        else:
            if stage == 4 and before_page is not None:
                before_page()
            _run(request, stage)
        _log(f"stage {stage}: done in {time.monotonic() - begun:.0f} s")


def plan_stages(request: StagesRequest) -> None:
    """Print what the stages would do; nothing is run or written."""
    from speechbrain_ext.training.print_plan import print_plan

    _banner(request)
    print_plan(request.rows, request.stages, request.table)


def _run(request: StagesRequest, stage: int) -> None:
    row = request.rows[0]
    if stage == 0:
        _log(f"stage 0: prepare {request.corpus.corpus} ({request.corpus.source})")
        write_mini(request.corpus)
        prepare(request.corpus, [row.specs[0] for row in request.rows])
    elif stage == 4:
        _log("stage 4: report")
        folder = Path(row.specs[0].exp) / Path(row.specs[0].data).name
        if row.specs[0].protocol == ALL_DATA and not any(folder.rglob("results.json")):
            print(f"report: nothing to draw, as no run in {folder} has a score of its own")
            return
        report(folder, folder / "report.html", request.paper)
    else:
        run = row.experiments[0]
        if stage == 1:
            from speechbrain_ext.training.extract import extract

            _log(f"stage 1: features of {run.hp.system_name}")
            extract(row)
        elif stage == 2:
            from speechbrain_ext.training.train import train

            _log(f"stage 2: train {run.hp.system_name}, {run.protocol}")
            train(row)
        else:
            from speechbrain_ext.evaluation.evaluate import evaluate

            _log(f"stage 3: evaluate {run.hp.system_name}, {run.protocol}")
            evaluate(row)


def write_mini(asked: CorpusRequest) -> None:
    """Write a mini corpus where one is asked for and is not complete."""
    if asked.source == "mini" and asked.joint is None:
        from speechbrain_ext.testing.mini_corpus import make_mini

        make_mini(asked.corpus, asked.root)


def prepare(asked: CorpusRequest, specs: Sequence[RunSpec] = ()) -> None:
    """Run stage 0, and print what was found and written.

    Arguments
    ---------
    asked : CorpusRequest
    specs : sequence of RunSpec
        Runs whose classes, utterances and protocols the folds are made for; empty for the corpus's usual ones.

    Raises
    ------
    UserError
        There is no such corpus, it has faults, or it was prepared from other inputs.
    """
    from speechbrain_ext.preparation.summary import prepare_and_print

    prepare_and_print(preparation(asked, specs))


def preparation(asked: CorpusRequest, specs: Sequence[RunSpec] = ()) -> PrepareRequest:
    """What stage 0 is asked for, with the corpus found; arguments and errors are those of `prepare`."""
    from speechbrain_ext.corpora.joint import joint_edition
    from speechbrain_ext.preparation.protocols import check_rules
    from speechbrain_ext.preparation.request import PrepareRequest, find_corpus, find_root

    corpus, label_map = find_corpus(asked)
    check_rules(asked.usual_protocol(corpus), asked.dev)
    splits = _splits(asked, corpus, specs)
    return PrepareRequest(
        corpus=corpus,
        root=find_root(asked, corpus),
        data=asked.data.resolve(),
        source=asked.source,
        edition=joint_edition(asked.joint) if asked.joint else " ".join(asked.edition.split()) or None,
        splits=splits,
        dev=asked.dev,
        fold_seed=asked.fold_seed,
        jobs=asked.jobs,
        check_audio=asked.check_audio,
        force=asked.force,
        verify=asked.verify,
        label_map=label_map,
    )


def _splits(asked: CorpusRequest, corpus: Corpus, specs: Sequence[RunSpec]) -> tuple[tuple[str, Task], ...]:
    """Protocol and task of each file of folds: those of the runs, or the corpus's usual ones."""
    from speechbrain_ext.hparams import load_system, parse_overrides
    from speechbrain_ext.training.run_request import print_trusted

    found = []
    for spec in specs:
        overrides = parse_overrides(list(spec.overrides))
        hp = load_system(spec.recipe, spec.system, overrides, asked.source, preset=spec.preset, trust=spec.trust)
        print_trusted(hp.trusted)
        found.append((hp.protocol if spec.protocol == "paper" else spec.protocol, hp.task))
    found = found or [(asked.usual_protocol(corpus), corpus.task)]
    return tuple(split for number, split in enumerate(found) if split not in found[:number])


def table(request: StagesRequest, stages: Sequence[int]) -> None:
    """Run stages 1 to 3 of every row of a table, and write it."""
    from speechbrain_ext.report.tables.run_table import TableRequest, run_table

    assert request.table is not None, "asked for with --table"
    asked = TableRequest(
        request.table, request.rows, stages, request.mark, request.columns, request.paper, request.reference
    )
    run_table(asked)


def report(folder: Path, out: Path, paper: bool = False) -> None:
    """Run stage 4: the page of all results of a corpus.

    Arguments
    ---------
    folder : Path
        exp/<CORPUS>-<source>.
    out : Path
        The page to write.
    paper : bool
        Draw figures for a paper too.
    """
    from speechbrain_ext.analysis.run_figures import network_figures
    from speechbrain_ext.report.page import write_print_figures, write_report

    write_report(folder, out, network_figures)
    print(f"wrote {out}")
    if paper:
        drawn = write_print_figures(folder)
        print(f"drew {len(drawn)} figures for a paper below {folder}, in folders `paper`")


def _banner(request: StagesRequest) -> None:
    if request.corpus.source == "mini":
        _log(RULE)
        _log("MINI CORPUS: synthetic speech, to show that everything runs. No result about emotion.")
        _log(f"Your corpus: ./run.sh --corpus-root DIR (or set {request.root_variable})")
        _log(RULE)


def _log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
