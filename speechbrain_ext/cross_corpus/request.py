"""What a matrix across corpora is asked for, and the runs of one system on one corpus or on several together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from speechbrain_ext.corpora.data_folder import read_facts
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.joint import Joint
from speechbrain_ext.corpora.shared_classes import ClassMap, SharedClasses
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.corpora.value_range import ValueRange
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import CorpusRequest
from speechbrain_ext.stages import preparation
from speechbrain_ext.training.methods import Method
from speechbrain_ext.training.plan import load_run
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.utils.repository import RECIPES

ROW, ROW_OF_DIMENSIONS = "shared-classes", "dimensions"
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
        "as-trained" among them.
    spec : RunSpec
        What all runs share: seed, folders, device, threads, command.
    out : Path
        The folder of the matrix.
    overrides : mapping
        The words after `--`, by system.
    protocol : str
        Of the cross-validation of each corpus.
    dimensions : tuple of str
        Of valence, activation, dominance in place of classes.
    class_map : mapping
        What further labels count as, by corpus.
    shared_classes : str
        "train": models are trained on the shared classes alone; "renormalise": on all classes of their corpus, and
        the posteriors of the shared ones are divided by their sum.
    leave_one_out : bool
        Each corpus is also tested by models that are trained on all the others together.
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
    dimensions: tuple[str, ...] = ()
    class_map: ClassMap = field(default_factory=dict)
    shared_classes: str = TRAIN
    leave_one_out: bool = False
    jobs: int = 1
    wait: bool = False
    force: bool = False


@dataclass(frozen=True)
class Source:
    """A system, and the corpus or corpora that it is trained on.

    Arguments
    ---------
    request : MatrixRequest
    system : str
    members : tuple of int
        Places of the corpora that are trained on together.
    shared : SharedClasses
    """

    request: MatrixRequest
    system: str
    members: tuple[int, ...]
    shared: SharedClasses

    @property
    def is_joint(self) -> bool:
        """Whether it is trained on several corpora."""
        return len(self.members) > 1

    @cached_property
    def corpus(self) -> CorpusRequest:
        """What stage 0 is asked for."""
        request = self.request
        if not self.is_joint:
            return request.corpora[self.members[0]]
        joint = Joint(tuple(str(request.corpora[place].folder) for place in self.members), self.shared)
        first = request.corpora[self.members[0]]
        return replace(first, corpus=joint.name, root="", joint=joint)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the corpora that are trained on."""
        return tuple(folder_facts(self.request.corpora[place]).corpus for place in self.members)

    @property
    def task(self) -> Task:
        """What its models recognise, in the labels of its corpora."""
        return self.shared.task_of(self.names)

    @property
    def scale(self) -> ValueRange | None:
        """Lowest and highest value of its dimensions; several corpora have the values of the first."""
        return self.shared.scales.get(self.names[0])

    @cached_property
    def methods(self) -> tuple[Method, ...]:
        """The methods asked for, as this source needs them."""
        asked = self.request.methods
        return tuple(method.on_several_corpora() for method in asked) if self.is_joint else asked

    @property
    def name(self) -> str:
        """These names with a plus between them."""
        return "+".join(self.names)

    def spec(self, protocol: str, dev: str = "none", epochs: tuple[str, ...] = ()) -> RunSpec:
        """The run of a protocol on the shared classes."""
        request = self.request
        words = [*request.overrides.get(self.system, ()), *self._task_words()]
        recipe = str(RECIPES / "shared") if self.is_joint else request.recipes[self.members[0]]
        return replace(
            request.spec,
            recipe=recipe,
            system=self.system,
            data=str(self.corpus.folder),
            overrides=tuple(words),
            row=(ROW_OF_DIMENSIONS if request.dimensions else ROW) if words else "default",
            protocol=protocol,
            dev=dev,
            phase_epochs=epochs,
        )

    def _task_words(self) -> list[str]:
        """Overrides for a training on the shared classes alone, or on dimensions."""
        if self.request.dimensions:
            return ["--dimensions", f"[{', '.join(self.request.dimensions)}]"]
        if self.is_joint or self.request.shared_classes != TRAIN:
            return []
        return task_words(self.shared.tasks[self.names[0]])

    @cached_property
    def has_network(self) -> bool:
        """Whether there are epochs to choose."""
        hp = load_run(self.spec(self.request.protocol)).hp
        return any("network" in hp.tree["phases"][phase] for phase in hp.phases)

    @property
    def within(self) -> RunSpec:
        """The cross-validation of the source; of a network with development speakers, which choose the epochs."""
        return self.spec(self.request.protocol, "speaker" if self.has_network else "none")

    def adapted(self, method: Method, target: TargetCorpus, epochs: tuple[str, ...] = ()) -> RunSpec:
        """The run of a method on all data, for a target."""
        return adapted_spec(self.spec(ALL_DATA, epochs=epochs), method, target)

    def prepared(self, spec: RunSpec) -> RunRequest:
        """The request of a run, with its folds made where they are missing."""
        prepare(preparation(replace(self.corpus, dev=spec.dev, protocol=spec.protocol, force=False), [spec]))
        return self.run(spec)

    def run(self, spec: RunSpec) -> RunRequest:
        """The request of a run whose folds are there."""
        asked = self.request
        return RunRequest((spec,), jobs=asked.jobs, measure_jobs=True, wait=asked.wait, force=asked.force)

    @cached_property
    def targets(self) -> list[TargetCorpus]:
        """The corpora that are not trained on."""
        others = [corpus for place, corpus in enumerate(self.request.corpora) if place not in self.members]
        return [target_corpus(corpus, self.shared) for corpus in others]


def sources(request: MatrixRequest, system: str, shared: SharedClasses) -> list[Source]:
    """The sources of a system: each corpus, and where it is asked for all others of each one together."""
    places = range(len(request.corpora))
    found = [Source(request, system, (place,), shared) for place in places]
    if request.leave_one_out and len(places) > 2:
        found += [Source(request, system, tuple(each for each in places if each != left), shared) for left in places]
    return found


def target_corpus(corpus: CorpusRequest, shared: SharedClasses) -> TargetCorpus:
    """A prepared corpus as a target, with its task and its scale."""
    name = folder_facts(corpus).corpus
    return TargetCorpus(str(corpus.folder), shared.tasks[name], shared.scales.get(name))


def adapted_spec(spec: RunSpec, method: Method, target: TargetCorpus) -> RunSpec:
    """The run of a method for a target, from the run as it is trained without one."""
    for_target = method.trained == "target"
    words, keys = list(spec.overrides), method.overrides[::2]
    # The method's own value stands for a key that the user has set too.
    kept = [pair for pair in zip(words[::2], words[1::2], strict=True) if pair[0] not in keys]
    return replace(
        spec,
        method=method.name if method.trained else "",
        target=target.folder if for_target else "",
        target_task=json.dumps(target.task.to_dict()) if for_target else "",
        overrides=(*(word for pair in kept for word in pair), *method.overrides) if keys else spec.overrides,
    )


def task_words(task: Task) -> list[str]:
    """Overrides that limit a run to the shared classes."""
    merges = ["--merge_labels", f"[{', '.join(task.merge_labels)}]"] if task.merge_labels else []
    excited = ["--merge_excited", str(task.merge_excited)]
    return ["--classes", f"[{', '.join(task.classes)}]", *merges, *excited]


def folder_facts(corpus: CorpusRequest) -> CorpusFacts:
    """What stage 0 found out about a corpus."""
    return read_facts(corpus.folder)
