"""What the corpus says of a run's utterances: the speakers' genders and the annotators' votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from speechbrain_ext.corpora import CORPORA
from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.utils.files import sha256_file

Votes = Mapping[str, Sequence[Sequence[float]]]


def manifest_of(file: Path, results: Results) -> Sequence[Utterance]:
    """Read the manifest that a run was made from.

    Arguments
    ---------
    file : Path
        results.json in the run's folder; a kept result has no manifest.
    results : Results
        Its content.

    Returns
    -------
    utterances : sequence of Utterance
        Empty where the manifest is not in the recipe's folder, or is another one.
    """
    parents = file.resolve().parents
    if file.name != "results.json" or len(parents) < 7:
        return ()
    folder = parents[6] / "data" / f"{results.corpus}-{results.source}"
    path = folder / "manifest.jsonl"
    if not path.is_file() or sha256_file(path) != results.manifest_sha256:
        return ()
    return read_utterances(folder, read_facts(folder))


def speaker_genders(
    rows: Iterable[Prediction], results: Results | None, utterances: Sequence[Utterance]
) -> Mapping[str, str]:
    """Find the gender of speakers, "F" or "M", in the manifest, or else in the ids of a known corpus.

    Arguments
    ---------
    rows : iterable of Prediction
    results : Results or None
        Names the corpus.
    utterances : sequence of Utterance
        The manifest, where it is at hand.
    """
    if utterances:
        return {one.speaker: one.gender for one in utterances if one.gender}
    corpora = {corpus.name: corpus for corpus in CORPORA.values()}
    corpus = corpora.get(results.corpus) if results else None
    if corpus is None or corpus.spoken_of is None:
        return {}
    spoken = (corpus.spoken_of(row.id) for row in rows)
    return {one.speaker: one.gender for one in spoken if one and one.gender}


def votes_by_utterance(utterances: Sequence[Utterance], results: Results | None, classes: Sequence[str]) -> Votes:
    """Collect the votes of each annotator [annotator][class] by utterance; empty where the manifest has none.

    Arguments
    ---------
    utterances : sequence of Utterance
    results : Results or None
        Says whether excited counts as happiness.
    classes : sequence of str
    """
    if results is None or not any(one.votes for one in utterances):
        return {}
    task = Task(classes=tuple(classes), merge_excited=bool((results.task or {}).get("merge_excited")))
    return {
        one.id: [[float(name in set(map(task.merged, vote.labels))) for name in classes] for vote in one.votes]
        for one in utterances
    }
