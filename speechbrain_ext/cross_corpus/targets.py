"""A recipe's stages with other corpora: scored on targets, or trained together with further corpora."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from speechbrain_ext.corpora.data_folder import FACTS
from speechbrain_ext.corpora.joint import Joint
from speechbrain_ext.corpora.shared_classes import ClassMap, SharedClasses
from speechbrain_ext.cross_corpus.cards import find_overlaps, find_shared
from speechbrain_ext.cross_corpus.method_cells import Trained, cells_of_method
from speechbrain_ext.cross_corpus.request import ROW, TRAIN, adapted_spec, folder_facts, target_corpus, task_words
from speechbrain_ext.evaluation.cross_corpus_json import score_line, write_cross_corpus
from speechbrain_ext.evaluation.matrix import Cell
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import CorpusRequest
from speechbrain_ext.stages import StagesRequest, plan_stages, preparation, run_stages, write_mini
from speechbrain_ext.stages import prepare as prepare_and_print
from speechbrain_ext.training.methods import AS_TRAINED, METHODS, Method
from speechbrain_ext.training.plan import load_run, make_plan, plan_text
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.run_spec import RunSpec
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
    dimensions : tuple of str
        Those of the overrides: they are scored in place of classes.
    methods : tuple of Method
        What the models are scored with; "as-trained" among them.
    shared_classes, class_map
        As for `speechbrain_ext.cross_corpus.request.MatrixRequest`.
    """

    stages: StagesRequest
    targets: tuple[CorpusRequest, ...] = ()
    train_corpora: tuple[CorpusRequest, ...] = ()
    methods: tuple[Method, ...] = (METHODS[AS_TRAINED],)
    dimensions: tuple[str, ...] = ()
    shared_classes: str = TRAIN
    class_map: ClassMap = field(default_factory=dict)

    @property
    def sources(self) -> tuple[CorpusRequest, ...]:
        """The corpora that are trained on."""
        return self.train_corpora or (self.stages.corpus,)

    @property
    def corpora(self) -> tuple[CorpusRequest, ...]:
        """All corpora."""
        return (*self.sources, *self.targets)

    @property
    def own_methods(self) -> tuple[Method, ...]:
        """The methods, as they are for the corpora that are trained on."""
        several = len(self.sources) > 1
        return tuple(method.on_several_corpora() if several else method for method in self.methods)


def run_with_targets(asked: TargetsRequest) -> None:
    """Run the stages on the shared classes, and score the models on the targets at the start of stage 4.

    Raises
    ------
    UserError
        As the stages do; a corpus is not prepared, or corpora share audio or no classes.
    """
    if 0 in asked.stages.stages:
        for corpus in asked.corpora:
            write_mini(corpus)
            prepare_and_print(corpus)
    shared = _shared(asked)
    stages = _on_shared_classes(asked, shared)

    def score() -> None:
        for row in stages.rows:
            _score_row(row, asked, shared)

    run_stages(stages, before_page=score if asked.targets else None)


def plan_with_targets(asked: TargetsRequest) -> None:
    """Print what `run_with_targets` would do. Corpora are prepared where they are not: the shared classes follow.

    Raises
    ------
    UserError
        As `run_with_targets` does before its stages.
    """
    for corpus in asked.corpora:
        if not (corpus.folder / FACTS).exists():
            print(f"prepare {corpus.corpus} ({corpus.source}): the shared classes follow from its labels")
            write_mini(corpus)
            prepare(preparation(corpus))
    shared = _shared(asked)
    stages = _on_shared_classes(asked, shared)
    plan_stages(stages)
    if 4 not in asked.stages.stages:
        return
    for row in stages.rows:
        adapted: dict[RunSpec, None] = {}
        for spec in row.specs:
            hp = load_run(spec).hp
            for method in asked.own_methods:
                if reason := method.refusal(hp):
                    print(reason)
                elif method.trained:
                    targets = [target_corpus(each, shared) for each in asked.targets]
                    adapted |= dict.fromkeys(adapted_spec(spec, method, target) for target in targets)
        if adapted:
            runs = [load_run(spec) for spec in adapted]
            plan = make_plan(runs, row.force, row.folds)
            print(f"stage 4, adapted models: {len(runs)} runs\n{plan_text(plan, row.jobs)}")


def _shared(asked: TargetsRequest) -> SharedClasses:
    """Find and print the shared classes, and what source and target corpora share."""
    shared = find_shared(asked.corpora, asked.dimensions, asked.class_map)
    find_overlaps(product(asked.sources, asked.targets), asked.stages.corpus.jobs)
    return shared


def _on_shared_classes(asked: TargetsRequest, shared: SharedClasses) -> StagesRequest:
    """The stages on the corpora that are trained on, with the shared classes."""
    stages, trained = asked.stages, asked.sources
    if len(trained) > 1:
        joint = Joint(tuple(str(corpus.folder) for corpus in trained), shared)
        corpus = replace(stages.corpus, corpus=joint.name, root="", joint=joint)
        prepare(preparation(replace(corpus, protocol="paper", dev="none")))
        words: tuple[str, ...] = ()
    else:
        corpus = stages.corpus
        is_limited = asked.shared_classes == TRAIN and not asked.dimensions
        words = tuple(task_words(shared.tasks[folder_facts(corpus).corpus])) if is_limited else ()
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


def _score_row(row: RunRequest, asked: TargetsRequest, shared: SharedClasses) -> None:
    """Score the models of a row on every target with every method, and print and write the scores."""
    facts = [folder_facts(corpus) for corpus in asked.sources]
    names = tuple(each.corpus for each in facts)
    for run in row.experiments:
        request, scale = replace(row, specs=(run.spec,)), shared.scales.get(names[0])
        trained = Trained(request, names, shared.task_of(names), run.seed_folder, scale)
        cells: list[Cell] = []
        for corpus in asked.targets:
            target = target_corpus(corpus, shared)
            extract_target(run, target, row.jobs)
            for method in asked.own_methods:
                cells += cells_of_method(trained, method, target)
        for cell in cells:
            print(score_line(cell))
        edition = "; ".join(f"{each.corpus}: {each.edition}" for each in facts)
        targets = [folder_facts(corpus) for corpus in asked.targets]
        scored = [cell for cell in cells if cell.is_scored]
        print(f"wrote {write_cross_corpus(Path(run.seed_folder), scored, targets, shared, edition)}")
