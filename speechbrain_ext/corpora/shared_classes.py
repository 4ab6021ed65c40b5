"""The classes that several corpora share, and which labels of each count as one of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.labels import EMOTIONS, in_order
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.regular_file import read_regular

# By corpus: what a label counts as; None leaves its utterances out.
ClassMap = Mapping[str, Mapping[str, str | None]]
EXAMPLE = '{"RAVDESS": {"calm": "neutral"}}'


@dataclass(frozen=True)
class SharedClasses:
    """The classes that corpora share, or the dimensions in their place.

    Arguments
    ---------
    classes : tuple of str
        In the order of the vocabulary; empty with dimensions.
    tasks : mapping
        By corpus, which utterances are used, and with what label.
    dimensions : tuple of str
        Of valence, activation, dominance.
    scales : mapping
        By corpus, the lowest and the highest value of a dimension.
    """

    classes: tuple[str, ...]
    tasks: Mapping[str, Task]
    dimensions: tuple[str, ...] = ()
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def task_of(self, corpora: Sequence[str]) -> Task:
        """What a model that is trained on some of the corpora recognises, in their labels."""
        return self.tasks[corpora[0]] if len(corpora) == 1 else Task(self.classes, dimensions=self.dimensions)

    def merged(self, corpus: str) -> dict[str, str]:
        """Labels of a corpus that count as another one."""
        task = self.tasks[corpus]
        return {label: task.merged(label) for label in EMOTIONS if task.merged(label) != label}


def share_classes(corpora: Sequence[CorpusFacts], class_map: ClassMap | None = None) -> SharedClasses:
    """Find the classes that all corpora have.

    The usual task of each corpus says which of its labels are classes, and whether excited counts as happiness (it
    does on IEMOCAP and MSP-IMPROV, whose papers do so). No label counts as another one but by that and by the map:
    calm, for instance, is left out where a corpus does not have it.

    Arguments
    ---------
    corpora : sequence of CorpusFacts
        Two or more, as stage 0 found them.
    class_map : mapping
        By corpus, what further labels count as; None leaves a label out.

    Returns
    -------
    SharedClasses

    Raises
    ------
    UserError
        Fewer than two classes are shared, two corpora have one name, or the map names a corpus that is not there.
    """
    names = [facts.corpus for facts in corpora]
    refuse_same_names(names)
    class_map = class_map or {}
    if strange := [name for name in class_map if name not in names]:
        near = nearest(strange[0], names)
        hint = f": did you mean {near}?" if near else ""
        raise UserError(f"class map: {strange[0]}: expected one of {', '.join(names)}{hint}")
    tasks = {facts.corpus: _mapped(facts, class_map.get(facts.corpus, {})) for facts in corpora}
    shared = set.intersection(*(set(task.classes) for task in tasks.values()))
    if len(shared) < 2:
        found = "; ".join(f"{name}: {', '.join(task.classes)}" for name, task in tasks.items())
        raise UserError(
            f"expected two or more classes that all corpora have, found {', '.join(sorted(shared)) or 'none'} "
            f"({found}): leave a corpus out, or let labels count as others with --class-map FILE, such as {EXAMPLE}"
        )
    classes = tuple(in_order(shared))
    return SharedClasses(classes, {name: _limited(task, classes) for name, task in tasks.items()})


def refuse_same_names(names: Sequence[str]) -> None:
    """Refuse two corpora of one name.

    Raises
    ------
    UserError
        There are two.
    """
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(f"{twice[0]}: expected corpora of different names, found it twice: rename the CSV of one")


def _mapped(facts: CorpusFacts, mapped: Mapping[str, str | None]) -> Task:
    """The usual task of a corpus, with what the map says of its labels."""
    task = facts.task.with_classes(facts.labels)
    left_out = {label for label, target in mapped.items() if target is None}
    merges = tuple(f"{label}={target}" for label, target in sorted(mapped.items()) if target not in (None, label))
    classes = [label for label in task.classes if label not in mapped]
    classes += [target for label, target in mapped.items() if target is not None and label in {*facts.labels}]
    excited = task.merge_excited and "excited" not in mapped
    return replace(task, classes=tuple(in_order({*classes} - left_out)), merge_labels=merges, merge_excited=excited)


def _limited(task: Task, classes: tuple[str, ...]) -> Task:
    """The task with the shared classes alone, and with those merges alone that end in one of them."""
    merges = tuple(text for text in task.merge_labels if text.partition("=")[2] in classes)
    return replace(
        task, classes=classes, merge_labels=merges, merge_excited=task.merge_excited and "happiness" in classes
    )


def left_out(task: Task, utterances: Sequence[Utterance]) -> dict[str, int]:
    """Count the labelled utterances that are of no shared class, by label."""
    labels = (item.label for item in utterances if item.label is not None and task.label_of(item) is None)
    return dict(sorted(Counter(labels).items()))


def read_class_map(path: str | Path) -> dict[str, dict[str, str | None]]:
    """Read a class map: a JSON object by corpus.

    Raises
    ------
    UserError
        The file is missing or not such an object; what was found is named.
    """
    try:
        content = json.loads(read_regular(path).decode("utf-8"))
    except FileNotFoundError:
        raise UserError(f"--class-map {path}: expected a JSON file, found none: write one such as {EXAMPLE}") from None
    except ValueError as fault:
        raise UserError(f"--class-map {path}: not JSON ({fault}): write it such as {EXAMPLE}") from None
    if not isinstance(content, dict) or not all(isinstance(labels, dict) for labels in content.values()):
        raise UserError(
            f"--class-map {path}: expected an object by corpus, such as {EXAMPLE}, found {str(content)[:80]}"
        )
    for corpus, labels in content.items():
        for label, target in labels.items():
            for word in (label, *([] if target is None else [target])):
                if word not in EMOTIONS:
                    near = nearest(str(word), EMOTIONS)
                    hint = f": did you mean {near}?" if near else ""
                    known = ", ".join(EMOTIONS)
                    raise UserError(f"--class-map {path}: {corpus}: {word!r}: expected one of {known}, or null{hint}")
    return content
