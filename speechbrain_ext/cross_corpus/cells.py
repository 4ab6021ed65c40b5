"""Cells of a matrix: a system is trained on a source, and scored on every target with every method."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from contextlib import suppress

from speechbrain_ext.cross_corpus.method_cells import Trained, cells_of_method, log
from speechbrain_ext.cross_corpus.request import RENORMALISE, Source
from speechbrain_ext.evaluation.cross_corpus_json import write_cross_corpus
from speechbrain_ext.evaluation.evaluate import evaluate
from speechbrain_ext.evaluation.matrix import WITHIN, Cell
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.target_scores import scores_of
from speechbrain_ext.evaluation.targets import Classes
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.training.extract import extract
from speechbrain_ext.training.methods import AS_TRAINED, METHODS
from speechbrain_ext.training.plan import load_run
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.target_corpus import extract_target
from speechbrain_ext.training.train import train
from speechbrain_ext.utils.files import DamagedFile, sha256_file


def cells_of_source(source: Source) -> Iterator[Cell]:
    """Train a system on a source, and score it on every other corpus with every method.

    Arguments
    ---------
    source : Source

    Yields
    ------
    Cell

    Raises
    ------
    UserError
        A stage fails.
    """
    within: RunRequest | None = None
    epochs: tuple[str, ...] = ()
    # The cross-validation of a joint source is needed only where it chooses epochs.
    if not source.is_joint or source.has_network:
        log(f"{source.system} on {source.name}: cross-validation ({source.request.protocol})")
        within = source.prepared(source.within)
        extract(within)
        train(within)
        (results,) = evaluate(within)
        epochs = chosen_epochs(results) if source.has_network else ()
        if not source.is_joint:
            yield within_cell(source, within, results)
    log(f"{source.system} on {source.name}: all data{', epochs ' if epochs else ''}{', '.join(epochs)}")
    everything = source.prepared(source.spec(ALL_DATA, epochs=epochs))
    extract(everything)
    train(everything)
    own: list[Cell] = []
    trained = Trained(everything, source.names, source.task, source.request.out, source.scale)
    for target in source.targets:
        extract_target(everything.experiments[0], target, source.request.jobs)
        for method in source.methods:
            own += cells_of_method(trained, method, target)
        if within is not None:
            of_folds = Trained(within, source.names, source.task, source.request.out, source.scale)
            yield from cells_of_method(of_folds, METHODS[AS_TRAINED], target)
    yield from own
    run = everything.experiments[0]
    scored = [cell for cell in own if cell.is_scored]
    facts = [target.facts for target in source.targets]
    write_cross_corpus(run.seed_folder, scored, facts, source.shared, run.manifest.edition)


def within_cell(source: Source, within: RunRequest, results: Results) -> Cell:
    """The cell on the diagonal: the source's cross-validation on the shared classes."""
    run = within.experiments[0]
    path = run.seed_folder / "predictions.csv"
    rows, target = read_predictions(path)
    note = f"protocol {results.protocol}" + ("" if results.dev == "none" else f", --dev {results.dev}")
    if isinstance(target, Classes) and source.request.shared_classes == RENORMALISE:
        note += f"; on all classes of the corpus: {', '.join(target.names)}"
    return Cell(
        system=source.system,
        row=run.spec.row,
        train=source.names,
        target=source.name,
        model=WITHIN,
        method=AS_TRAINED,
        transductive=False,
        speakers=len({row.speaker for row in rows}),
        note=note,
        predictions=os.path.relpath(path, source.request.out),
        sha256=sha256_file(path),
        command=source.request.spec.command,
        **scores_of(rows, target),
    )


def known_epochs(source: Source) -> tuple[str, ...]:
    """Epochs that the cross-validation of a network has chosen already; empty where it has not."""
    run = load_run(source.within).experiment if source.has_network else None
    if run is None or not (path := run.seed_folder / "results.json").exists():
        return ()
    run.check_earlier_inputs()
    with suppress(DamagedFile):
        return chosen_epochs(read_results(path))
    return ()


def chosen_epochs(results: Results) -> tuple[str, ...]:
    """The median over folds of the epoch that the development speakers chose, for each phase, such as frlm=12."""
    chosen: dict[str, list[int]] = {}
    for fold in results.folds:
        for phase, facts in (fold.phases or {}).items():
            chosen.setdefault(phase, []).append(facts.selected_epoch or facts.epochs)
    return tuple(f"{phase}={max(1, round(statistics.median(epochs)))}" for phase, epochs in chosen.items())
