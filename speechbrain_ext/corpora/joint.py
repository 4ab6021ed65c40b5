"""Several prepared corpora as one, to be trained on together: their utterances of the shared classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from speechbrain_ext.corpora.corpus import Corpus
from speechbrain_ext.corpora.data_folder import read_facts, read_utterances, unmeasured
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.shared_classes import SharedClasses
from speechbrain_ext.corpora.value_range import convert

JOINT = "corpus"  # the key of `extra` that names the corpus of an utterance


@dataclass(frozen=True)
class Joint:
    """Corpora that are trained on together.

    Arguments
    ---------
    folders : tuple of str
        `data/<CORPUS>-<source>` of each.
    shared : SharedClasses
        The classes, and what labels of each corpus count as; or the dimensions.
    """

    folders: tuple[str, ...]
    shared: SharedClasses

    @property
    def name(self) -> str:
        """The names of the corpora with a plus between them."""
        return "+".join(read_facts(folder).corpus for folder in self.folders)


def joint_corpus(joint: Joint) -> Corpus:
    """Describe several prepared corpora as one.

    An id, a speaker, a session and a sentence are named `<corpus>:<name>`, so that none of two corpora is taken for
    the same one. Labels are the shared classes; utterances without one are left out. Values of dimensions are in units
    of the first corpus.
    """
    facts = [read_facts(folder) for folder in joint.folders]
    names = ", ".join(each.corpus for each in facts)
    return Corpus(
        name=joint.name,
        key="joint",
        scan=partial(_scan, joint),
        task=joint.shared.task_of(joint.folders),
        protocols=("speaker5", "speaker", "random5"),
        expected=None,
        root_variable="",
        title=f"{names} together",
        licence="that of each corpus",
        citation="",
        layout="prepared corpora",
    )


def joint_edition(joint: Joint) -> str:
    """The editions of the corpora, each with its name."""
    facts = [read_facts(folder) for folder in joint.folders]
    return "; ".join(f"{each.corpus}: {each.edition}" for each in facts)


def joint_root(joint: Joint) -> Path:
    """The folder that the audio of all corpora lies in."""
    return Path(os.path.commonpath([read_facts(folder).root for folder in joint.folders]))


def _scan(joint: Joint, root: Path, notes: list[str] | None = None) -> list[Utterance]:
    found = []
    for folder in joint.folders:
        facts = read_facts(folder)
        task = joint.shared.tasks[facts.corpus]
        for item in read_utterances(folder, facts):
            if (label := task.label_of(item)) is None:
                continue
            named = _named(unmeasured(item), facts.corpus, facts.root, label or item.label, joint.name)
            found.append(_in_first_units(named, joint, facts.corpus) if joint.shared.dimensions else named)
    return found


def _in_first_units(item: Utterance, joint: Joint, corpus: str) -> Utterance:
    """The utterance with its values, and those of its annotators, in the units of the first corpus."""
    scales = joint.shared.scales
    first = scales[read_facts(joint.folders[0]).corpus]

    def converted(vad: Sequence[float | None] | None) -> list[float | None] | None:
        if vad is None:
            return None
        return [None if value is None else convert([value], scales[corpus], first)[0] for value in vad]

    votes = [replace(vote, vad=converted(vote.vad)) for vote in item.votes]
    return replace(item, vad=converted(item.vad), votes=votes)


def _named(item: Utterance, corpus: str, root: str, label: str | None, name: str) -> Utterance:
    """The utterance in the joint corpus."""

    def of_corpus(value: str | None) -> str | None:
        return None if value is None else f"{corpus}:{value}"

    return replace(
        item,
        id=f"{corpus}:{item.id}",
        corpus=name,
        wav=str(Path(root) / item.wav),
        speaker=f"{corpus}:{item.speaker}",
        session=of_corpus(item.session),
        text_id=of_corpus(item.text_id),
        label=label,
        extra={**item.extra, JOINT: corpus, "label": item.label},
    )


def corpora_of(utterances: Sequence[Utterance]) -> list[str]:
    """The corpus of each utterance of a joint corpus; its one name for the utterances of a single corpus."""
    return [str(item.extra.get(JOINT, item.corpus)) for item in utterances]
