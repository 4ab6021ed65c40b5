"""How much the annotators agree, and how well a person does against the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.metrics.classes import unweighted_average_recall, weighted_accuracy


def krippendorff_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal values: 1 is agreement, 0 is chance.

    Arguments
    ---------
    units : sequence of sequences of str
        For each utterance the value of each annotator; those with fewer than two values do not enter.

    Returns
    -------
    float or None
        None where fewer than two units are comparable or all values are one.

    Source: Krippendorff, Content Analysis, 2004, Section 11.3 (coincidence matrix).

    Example
    -------
    >>> krippendorff_alpha([["a", "a"], ["b", "b"]])
    1.0
    """
    together: defaultdict[tuple[str, str], float] = defaultdict(float)
    for values in units:
        if len(values) < 2:
            continue
        counts = Counter(values)
        for first, times in counts.items():
            for second, other in counts.items():
                together[first, second] += times * (other - (first == second)) / (len(values) - 1)
    totals: defaultdict[str, float] = defaultdict(float)
    for (first, _), weight in together.items():
        totals[first] += weight
    number = sum(totals.values())
    by_chance = number**2 - sum(total**2 for total in totals.values())
    if not by_chance:
        return None
    differing = sum(weight for (first, second), weight in together.items() if first != second)
    return 1.0 - (number - 1) * differing / by_chance


@dataclass(frozen=True)
class HumanCeiling:
    """Scores of annotators against each other: number of pairs, WA and UAR."""

    n: int
    wa: float
    uar: float


def human_ceiling(utterances: Sequence[Utterance], task: Task) -> HumanCeiling | None:
    """Score each annotator against the majority of the others, on clear utterances.

    An annotator's first class is the prediction, and the class that most of the others name is the truth. A pair is
    left out where the others tie or the annotator names no class. With three annotators two others must agree.

    Arguments
    ---------
    utterances : sequence of Utterance
    task : Task
        Classes, and whether excited is happiness.

    Returns
    -------
    HumanCeiling or None
        None where no pair is comparable.
    """
    truth, found = [], []
    for utterance in utterances:
        if task.label_of(utterance) is None:
            continue
        for place, vote in enumerate(utterance.votes):
            named = next((label for label in map(task.merged, vote.labels) if label in task.classes), None)
            others = [set(map(task.merged, other.labels)) for at, other in enumerate(utterance.votes) if at != place]
            counts = [sum(name in labels for labels in others) for name in task.classes]
            if named is None or not counts or max(counts) == 0 or counts.count(max(counts)) > 1:
                continue
            truth.append(counts.index(max(counts)))
            found.append(task.classes.index(named))
    if not truth:
        return None
    return HumanCeiling(len(truth), weighted_accuracy(truth, found), unweighted_average_recall(truth, found))


def describe_agreement(utterances: Sequence[Utterance], task: Task) -> list[str]:
    """Format alpha and the human ceiling for the summary of stage 0; no line where no one voted.

    Alpha is over each annotator's first label, merged as the task merges.
    """
    if not any(item.votes for item in utterances):
        return []
    units = [[task.merged(vote.labels[0]) for vote in item.votes if vote.labels] for item in utterances]
    alpha, ceiling = krippendorff_alpha(units), human_ceiling(utterances, task)
    several = sum(len(set(vote.labels)) > 1 for item in utterances for vote in item.votes)
    raters = {vote.rater for item in utterances for vote in item.votes}
    lines = [f"annotators: {len(raters)}, {sum(map(len, units))} votes, {several} of them with several labels"]
    if alpha is not None:
        lines.append(f"  Krippendorff's alpha (nominal, first labels): {alpha:.3f}")
    if ceiling is not None:
        lines.append(
            f"  human ceiling (one annotator against the majority of the others, {ceiling.n} pairs of "
            f"{len(task.classes)} classes): WA {100 * ceiling.wa:.1f}, UAR {100 * ceiling.uar:.1f}"
        )
    return lines
