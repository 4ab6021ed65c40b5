"""Makes a matrix across corpora, or prints its plan."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from speechbrain_ext.cross_corpus.cards import card, find_overlaps, find_shared, read_all
from speechbrain_ext.cross_corpus.cells import cells_of_source, known_epochs
from speechbrain_ext.cross_corpus.method_cells import log
from speechbrain_ext.cross_corpus.request import MatrixRequest, folder_facts, sources
from speechbrain_ext.evaluation.matrix import Cell, Matrix, write_matrix
from speechbrain_ext.evaluation.provenance import commit
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.stages import preparation, write_mini
from speechbrain_ext.stages import prepare as prepare_and_print
from speechbrain_ext.training.plan import load_run, make_plan, plan_text
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.workers import keep_workers


def run_matrix(request: MatrixRequest) -> Path:
    """Prepare, extract, train and score what is missing, and write matrix.json.

    Arguments
    ---------
    request : MatrixRequest

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        A corpus cannot be read, two corpora share audio or no classes, or a stage fails.
    """
    for corpus in request.corpora:
        log(f"prepare {corpus.corpus} ({corpus.source})")
        write_mini(corpus)
        prepare_and_print(corpus)
    shared = find_shared(request.corpora, request.dimensions, request.class_map)
    overlaps = find_overlaps(combinations(request.corpora, 2), request.jobs)
    cells: list[Cell] = []
    with keep_workers():
        for system in request.systems:
            for source in sources(request, system, shared):
                if source.is_joint:
                    prepare(preparation(source.corpus))
                cells += cells_of_source(source)
    matrix = Matrix(
        source=request.corpora[0].source,
        classes=shared.classes,
        dimensions=shared.dimensions or None,
        shared_classes=request.shared_classes,
        corpora=tuple(card(folder_facts(corpus), shared, read_all(corpus)) for corpus in request.corpora),
        systems=request.systems,
        methods=tuple(method.name for method in request.methods),
        cells=tuple(cells),
        overlaps=overlaps,
        commit=commit(),
        command=request.spec.command,
    )
    request.out.mkdir(parents=True, exist_ok=True)
    return write_matrix(request.out, matrix)


def plan_matrix(request: MatrixRequest) -> None:
    """Print what `run_matrix` would train, with hours; nothing is trained. The corpora are prepared first."""
    for corpus in request.corpora:
        write_mini(corpus)
        prepare(preparation(corpus))
    shared = find_shared(request.corpora, request.dimensions, request.class_map)
    find_overlaps(combinations(request.corpora, 2), request.jobs)
    for system in request.systems:
        specs: list[RunSpec] = []
        for source in sources(request, system, shared):
            if source.is_joint:
                prepare(preparation(source.corpus))
            if not source.is_joint or source.has_network:
                specs.append(source.within)
            epochs = known_epochs(source)
            if source.has_network and not epochs:
                print(f"{system} on {source.name}: planned with all epochs: no cross-validation has chosen fewer yet")
            specs.append(source.spec(ALL_DATA, epochs=epochs))
            hp = load_run(source.spec(ALL_DATA)).hp
            for method in source.methods:
                if reason := method.refusal(hp):
                    print(f"{source.name}: {reason}")
                elif method.trained:
                    specs += dict.fromkeys(source.adapted(method, target, epochs) for target in source.targets)
        print(f"{system}: {len(specs)} runs on {len(request.corpora)} corpora")
        print(plan_text(make_plan([load_run(spec) for spec in specs], request.force), request.jobs))
