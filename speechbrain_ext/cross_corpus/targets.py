"""A recipe's stages with other corpora: scored on targets, or trained together with further corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.joint import Joint
from speechbrain_ext.corpora.shared_classes import ClassMap, SharedClasses, share_classes
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.cross_corpus.cards import print_shared, read_all
from speechbrain_ext.cross_corpus.request import ROW, TRAIN, folder_facts, task_words
from speechbrain_ext.evaluation.cross_corpus_json import score_line, write_cross_corpus
from speechbrain_ext.evaluation.matrix import Cell
from speechbrain_ext.evaluation.target_scores import TargetRun, all_data_cell, fold_cells, score_target
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.preparation.overlaps import corpus_overlaps
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import CorpusRequest
from speechbrain_ext.stages import StagesRequest, preparation, run_stages, write_mini
from speechbrain_ext.stages import prepare as prepare_and_print
from speechbrain_ext.training.methods import AS_TRAINED, METHODS
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.training.target_corpus import extract_target
from speechbrain_ext.utils.repository import RECIPES


@dataclass(frozen=True)
class TargetsRequest:
    """What run.sh is asked for with further corpora.

    Attributes
    ----------
    stages : StagesRequest
        The stages on the recipe's own corpus.
    targets : tuple of CorpusRequest
        Corpora that the models are also scored on, in stage 4.
    train_corpora : tuple of CorpusRequest
        Corpora that are trained on together, the recipe's own among them; empty for that one alone.
    shared_classes, class_map
        As for `speechbrain_ext.cross_corpus.request.MatrixRequest`.
    """

    stages: StagesRequest
    targets: tuple[CorpusRequest, ...] = ()
    train_corpora: tuple[CorpusRequest, ...] = ()
    shared_classes: str = TRAIN
    class_map: ClassMap = field(default_factory=dict)


def run_with_targets(asked: TargetsRequest) -> None:
    """Run the stages on the shared classes, and score the models on the targets at the end of stage 4.

    Raises
    ------
    UserError
        As the stages do; a corpus is not prepared, or corpora share audio or no classes.
    """
    trained = asked.train_corpora or (asked.stages.corpus,)
    corpora = [*trained, *asked.targets]
    if 0 in asked.stages.stages:
        for corpus in corpora:
            write_mini(corpus)
            prepare_and_print(corpus)
    shared = share_classes([folder_facts(corpus) for corpus in corpora], asked.class_map)
    print_shared(shared)
    for one in trained:
        for target in asked.targets:
            for text in corpus_overlaps(read_all(one), read_all(target)):
                print(f"{one.corpus} + {target.corpus}: {text}")
    stages = _on_shared_classes(asked, trained, shared)
    run_stages(stages)
    if 4 in asked.stages.stages:
        for row in stages.rows:
            _score_row(row, asked, [folder_facts(corpus) for corpus in trained], shared)


def _on_shared_classes(asked: TargetsRequest, trained: Sequence[CorpusRequest], shared: SharedClasses) -> StagesRequest:
    """The stages on the corpora that are trained on, with the shared classes."""
    stages = asked.stages
    if len(trained) > 1:
        joint = Joint(tuple(str(corpus.folder) for corpus in trained), shared)
        corpus = replace(stages.corpus, corpus=joint.name, root="", joint=joint)
        prepare(preparation(replace(corpus, protocol="paper", dev="none")))
        words: tuple[str, ...] = ()
    else:
        corpus = stages.corpus
        words = tuple(task_words(shared.tasks[folder_facts(corpus).corpus])) if asked.shared_classes == TRAIN else ()
    data = str(corpus.folder)
    # Of a joint corpus no recipe has values of its own.
    recipe = str(RECIPES / "shared") if len(trained) > 1 else stages.rows[0].specs[0].recipe
    rows = []
    for request in stages.rows:
        specs = [
            replace(spec, recipe=recipe, data=data, overrides=(*spec.overrides, *words), row=_row_name(spec.row, words))
            for spec in request.specs
        ]
        rows.append(replace(request, specs=tuple(specs)))
    return replace(stages, corpus=corpus, rows=tuple(rows))


def _row_name(row: str, words: Sequence[str]) -> str:
    return ROW if words and row == "default" else row


def _score_row(row: RunRequest, asked: TargetsRequest, trained: Sequence[CorpusFacts], shared: SharedClasses) -> None:
    """Score the models of a row on every target, and print and write the scores."""
    names = tuple(facts.corpus for facts in trained)
    source = Task(shared.classes) if len(names) > 1 else shared.tasks[names[0]]
    for run in row.experiments:
        folds = tuple(row.fold_names(run))
        cells: list[Cell] = []
        for corpus in asked.targets:
            facts = folder_facts(corpus)
            target = TargetCorpus(str(corpus.folder), shared.tasks[facts.corpus])
            extract_target(run, target, row.jobs)
            scored = TargetRun(run, folds, target, source, METHODS[AS_TRAINED], run.seed_folder)
            predictions = score_target(scored, row.jobs, row.force)
            known = (scored, predictions, names, run.seed_folder, run.spec.command)
            cells += [all_data_cell(*known)] if folds == (ALL_DATA,) else fold_cells(*known)
        for cell in cells:
            print(score_line(cell))
        edition = "; ".join(f"{facts.corpus}: {facts.edition}" for facts in trained)
        targets = [folder_facts(corpus) for corpus in asked.targets]
        print(f"wrote {write_cross_corpus(Path(run.seed_folder), cells, targets, shared, edition)}")
