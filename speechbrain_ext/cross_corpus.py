"""The matrix across corpora: every corpus prepared, every system trained on each, scored on all the others."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

from speechbrain_ext.corpora import CORPORA
from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.shared_classes import ClassMap, SharedClasses, left_out, share_classes
from speechbrain_ext.evaluation.evaluate import evaluate
from speechbrain_ext.evaluation.matrix import NOT_STATED, WITHIN, Cell, CorpusCard, Matrix, write_matrix
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.provenance import commit
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.target_scores import TargetRun, cells_of, score_target, scores_of
from speechbrain_ext.evaluation.targets import Classes
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.preparation.overlaps import corpus_overlaps
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import CorpusRequest
from speechbrain_ext.stages import preparation
from speechbrain_ext.stages import prepare as prepare_and_print
from speechbrain_ext.training.extract import extract
from speechbrain_ext.training.methods import AS_TRAINED, Method
from speechbrain_ext.training.plan import load_run, make_plan, plan_text
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.target_corpus import TargetCorpus, extract_target
from speechbrain_ext.training.train import train
from speechbrain_ext.utils.files import sha256_file
from speechbrain_ext.utils.workers import keep_workers

ROW = "shared-classes"
TRAIN, RENORMALISE = "train", "renormalise"


@dataclass(frozen=True)
class MatrixRequest:
    """What the matrix is asked for.

    Attributes
    ----------
    corpora : tuple of CorpusRequest
        Two or more, of one source.
    recipes : tuple of str
        The recipe's folder of each corpus.
    systems : tuple of str
    methods : tuple of Method
    spec : RunSpec
        What all runs share: seed, folders, device, threads, command.
    overrides : mapping
        The words after `--`, by system.
    protocol : str
        Of the cross-validation of each corpus.
    class_map : mapping
        What further labels count as, by corpus.
    shared_classes : str
        "train": models are trained on the shared classes alone; "renormalise": on all classes of their corpus, and
        the posteriors of the shared ones are divided by their sum.
    out : Path
        The folder of the matrix.
    jobs, wait, force
        As for `RunRequest`.
    """

    corpora: tuple[CorpusRequest, ...]
    recipes: tuple[str, ...]
    systems: tuple[str, ...]
    methods: tuple[Method, ...]
    spec: RunSpec
    out: Path
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protocol: str = "speaker5"
    class_map: ClassMap = field(default_factory=dict)
    shared_classes: str = TRAIN
    jobs: int = 1
    wait: bool = False
    force: bool = False


@dataclass(frozen=True)
class _Source:
    """A system and the corpus that it is trained on."""

    request: MatrixRequest
    system: str
    place: int
    shared: SharedClasses

    @property
    def corpus(self) -> CorpusRequest:
        return self.request.corpora[self.place]

    @property
    def name(self) -> str:
        return folder_facts(self.corpus).corpus

    def spec(self, protocol: str, dev: str = "none", epochs: tuple[str, ...] = ()) -> RunSpec:
        """The run of a protocol on the shared classes."""
        words = list(self.request.overrides.get(self.system, ()))
        if self.request.shared_classes == TRAIN:
            task = self.shared.tasks[self.name]
            words += ["--classes", f"[{', '.join(task.classes)}]"]
            if task.merge_labels:
                words += ["--merge_labels", f"[{', '.join(task.merge_labels)}]"]
            words += ["--merge_excited", str(task.merge_excited)]
        shared = replace(self.request.spec, recipe=self.request.recipes[self.place], system=self.system)
        data = str(preparation(self.corpus).folder)
        row = ROW if words else "default"
        return replace(
            shared, data=data, overrides=tuple(words), row=row, protocol=protocol, dev=dev, phase_epochs=epochs
        )

    @cached_property
    def has_network(self) -> bool:
        """Whether epochs are to be chosen."""
        hp = load_run(self.spec(self.request.protocol)).hp
        return any("network" in hp.tree["phases"][phase] for phase in hp.phases)

    @property
    def within(self) -> RunSpec:
        """The cross-validation of the source; of a network with development speakers, which choose the epochs."""
        return self.spec(self.request.protocol, "speaker" if self.has_network else "none")

    def runs(self, spec: RunSpec) -> RunRequest:
        """The request of a run."""
        asked = self.request
        return RunRequest((spec,), jobs=asked.jobs, measure_jobs=True, wait=asked.wait, force=asked.force)


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
        _log(f"prepare {corpus.corpus} ({corpus.source})")
        _write_mini(corpus)
        prepare_and_print(corpus)
    shared = share_classes([folder_facts(corpus) for corpus in request.corpora], request.class_map)
    print_shared(shared)
    overlaps = _overlaps(request)
    cells: list[Cell] = []
    with keep_workers():
        for system in request.systems:
            for place in range(len(request.corpora)):
                cells += _cells_of(_Source(request, system, place, shared))
    utterances = [_utterances(corpus) for corpus in request.corpora]
    cards = tuple(
        _card(folder_facts(corpus), shared, items) for corpus, items in zip(request.corpora, utterances, strict=True)
    )
    matrix = Matrix(
        source=request.corpora[0].source,
        classes=shared.classes,
        shared_classes=request.shared_classes,
        corpora=cards,
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
        _write_mini(corpus)
        prepare(preparation(corpus))
    shared = share_classes([folder_facts(corpus) for corpus in request.corpora], request.class_map)
    print_shared(shared)
    for system in request.systems:
        specs: list[RunSpec] = []
        for place in range(len(request.corpora)):
            source = _Source(request, system, place, shared)
            specs += [source.within, source.spec(ALL_DATA)]
            hp = load_run(source.within).hp
            for method in request.methods:
                if reason := method.refusal(hp):
                    print(f"{source.name}: {reason}")
                    continue
                specs += [_adapted(source, method, target) for target in _targets(source, method)]
        runs = [load_run(spec) for spec in specs]
        count = len({(spec.data, spec.system, spec.method, spec.target, spec.protocol) for spec in specs})
        print(f"{system}: {count} runs on {len(request.corpora)} corpora")
        print(plan_text(make_plan(runs, request.force), request.jobs))


def print_shared(shared: SharedClasses) -> None:
    """Print the shared classes, and what labels of each corpus count as."""
    print(f"shared classes: {', '.join(shared.classes)}")
    for corpus in shared.tasks:
        for label, merged in shared.merged(corpus).items():
            print(f"  {corpus}: {label} counts as {merged}")


def folder_facts(corpus: CorpusRequest) -> CorpusFacts:
    """What stage 0 found out about a corpus."""
    return read_facts(preparation(corpus).folder)


def _cells_of(source: _Source) -> Iterator[Cell]:
    """Train a system on a corpus, and score it on the others."""
    request, name = source.request, source.name
    _log(f"{source.system} on {name}: cross-validation ({request.protocol})")
    within = source.runs(_prepared(source, source.within))
    extract(within)
    train(within)
    (results,) = evaluate(within)
    yield _within_cell(source, within, results)
    epochs = _chosen_epochs(results) if source.has_network else ()
    _log(f"{source.system} on {name}: all data{f', epochs {chr(32).join(epochs)}' if epochs else ''}")
    everything = source.runs(_prepared(source, source.spec(ALL_DATA, epochs=epochs)))
    train(everything)
    run = everything.experiments[0]
    for target in _targets(source):
        corpus = TargetCorpus(target, source.shared.tasks[read_facts(target).corpus])
        extract_target(run, corpus, request.jobs)
        for method in request.methods:
            yield from _method_cells(source, everything, method, corpus, epochs)
        as_trained = next(method for method in request.methods if method.name == AS_TRAINED)
        of_folds = within.experiments[0]
        names = tuple(fold.name for fold in results.folds)
        folds = TargetRun(of_folds, names, corpus, source.shared.tasks[name], as_trained, of_folds.seed_folder)
        rows = score_target(folds, request.jobs, request.force)
        yield from cells_of(folds, rows, (name,), request.out, request.spec.command, within=True)


def _method_cells(
    source: _Source, everything: RunRequest, method: Method, target: TargetCorpus, epochs: tuple[str, ...]
) -> Iterator[Cell]:
    request, run = source.request, everything.experiments[0]
    if reason := method.refusal(run.hp):
        yield Cell(
            system=source.system,
            row=run.spec.row,
            train=(source.name,),
            target=target.facts.corpus,
            model=ALL_DATA,
            method=method.name,
            transductive=method.transductive,
            note=reason,
        )
        return
    adapted = everything
    if method.trained:
        _log(f"{source.system} on {source.name}: {method.name} for {target.facts.corpus}")
        adapted = source.runs(_adapted(source, method, target.folder, epochs))
        train(adapted)
    own = adapted.experiments[0]
    asked = TargetRun(own, (ALL_DATA,), target, source.shared.tasks[source.name], method, run.seed_folder)
    rows = score_target(asked, request.jobs, request.force)
    yield from cells_of(asked, rows, (source.name,), request.out, request.spec.command, within=False)


def _adapted(source: _Source, method: Method, target: str, epochs: tuple[str, ...] = ()) -> RunSpec:
    """The run of a method."""
    spec = source.spec(ALL_DATA, epochs=epochs)
    return replace(
        spec,
        method=method.name if method.trained else "",
        target=target if method.trained == "target" else "",
        overrides=(*spec.overrides, *method.overrides),
    )


def _prepared(source: _Source, spec: RunSpec) -> RunSpec:
    """Make the folds of a run where they are missing."""
    prepare(preparation(replace(source.corpus, dev=spec.dev, protocol=spec.protocol, force=False), [spec]))
    return spec


def _targets(source: _Source, method: Method | None = None) -> list[str]:
    """Folders of the other corpora; one alone for a method whose model does not depend on the target."""
    others = [
        str(preparation(corpus).folder) for place, corpus in enumerate(source.request.corpora) if place != source.place
    ]
    if method is None or method.trained == "target":
        return others
    return others[:1] if method.trained else []


def _within_cell(source: _Source, within: RunRequest, results: Results) -> Cell:
    """The cell on the diagonal: the source's cross-validation on the shared classes."""
    run = within.experiments[0]
    path = run.seed_folder / "predictions.csv"
    rows, target = read_predictions(path)
    assert isinstance(target, Classes), "runs of a matrix have classes"
    return Cell(
        system=source.system,
        row=run.spec.row,
        train=(source.name,),
        target=source.name,
        model=WITHIN,
        method=AS_TRAINED,
        transductive=False,
        speakers=len({row.speaker for row in rows}),
        note=f"protocol {results.protocol}" + ("" if results.dev == "none" else f", --dev {results.dev}"),
        predictions=os.path.relpath(path, source.request.out),
        sha256=sha256_file(path),
        command=source.request.spec.command,
        **scores_of(rows, target),
    )


def _chosen_epochs(results: Results) -> tuple[str, ...]:
    """The median over folds of the epoch that the development speakers chose, for each phase."""
    chosen: dict[str, list[int]] = {}
    for fold in results.folds:
        for phase, facts in (fold.phases or {}).items():
            chosen.setdefault(phase, []).append(facts.selected_epoch or facts.epochs)
    return tuple(f"{phase}={max(1, round(statistics.median(epochs)))}" for phase, epochs in chosen.items())


def _card(facts: CorpusFacts, shared: SharedClasses, items: Sequence[Utterance]) -> CorpusCard:
    task = shared.tasks[facts.corpus]
    used = [item for item in items if task.label_of(item) is not None]
    labels = [task.label_of(item) for item in used]
    corpus = next((each for each in CORPORA.values() if each.name == facts.corpus), None)
    return CorpusCard(
        corpus=facts.corpus,
        source=facts.source,
        edition=facts.edition,
        utterances=len(used),
        speakers=len({item.speaker for item in used}),
        hours=facts.counts.hours,
        language=(corpus and corpus.language) or NOT_STATED,
        speaking=(corpus and corpus.speaking) or NOT_STATED,
        emotions=(corpus and corpus.emotions) or NOT_STATED,
        labels={name: labels.count(name) for name in shared.classes},
        merged=shared.merged(facts.corpus),
        left_out=left_out(task, items),
        manifest_sha256=facts.manifest_sha256,
    )


def _overlaps(request: MatrixRequest) -> dict[str, tuple[str, ...]]:
    """What each two corpora share; printed, and refused where it is audio."""
    items = {folder_facts(corpus).corpus: _utterances(corpus) for corpus in request.corpora}
    found = {}
    for one, other in combinations(items, 2):
        found[f"{one} + {other}"] = corpus_overlaps(items[one], items[other])
        for text in found[f"{one} + {other}"]:
            print(f"{one} and {other}: {text}")
    return {pair: texts for pair, texts in found.items() if texts}


def _utterances(corpus: CorpusRequest) -> list[Utterance]:
    return read_utterances(preparation(corpus).folder, folder_facts(corpus))


def _write_mini(corpus: CorpusRequest) -> None:
    if corpus.source == "mini":
        from speechbrain_ext.testing.mini_corpus import make_mini

        make_mini(corpus.corpus, corpus.root)


def _log(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
