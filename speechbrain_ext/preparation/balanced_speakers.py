"""Parts of a corpus's speakers that are balanced by label and gender."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from speechbrain_ext.corpora.manifest import Utterance


def deal_speakers(used: Sequence[Utterance], n_folds: int) -> dict[str, int]:
    """Deal the speakers to folds so that labels and genders are spread evenly.

    Each speaker goes where the folds stay most alike; then two speakers of different folds change places as long as
    that makes the folds more alike. Unlike means: the sum of squares, over folds and categories (a label or a gender),
    of a fold's share of the category's utterances, in whole numbers, so that every machine finds the same folds.

    Arguments
    ---------
    used : sequence of Utterance
        In the order of the protocol, which decides among equals.
    n_folds : int

    Returns
    -------
    dict
        From speaker to the number of a fold, from 0.
    """
    counts: dict[str, Counter[tuple[str, str | None]]] = {}
    for item in used:
        of_speaker = counts.setdefault(item.speaker, Counter())
        of_speaker["label", item.label] += 1
        if item.gender is not None:
            of_speaker["gender", item.gender] += 1
    totals = sum(counts.values(), Counter())
    weights = {category: 10**18 // total**2 for category, total in totals.items()}
    folds: list[Counter[tuple[str, str | None]]] = [Counter() for _ in range(n_folds)]

    def added(fold: int, more: Counter[tuple[str, str | None]], less: Counter[tuple[str, str | None]]) -> int:
        """What a fold's squares grow by when speakers come and go."""
        changes = ((category, more[category] - less[category]) for category in more.keys() | less.keys())
        return sum(weights[category] * n * (2 * folds[fold][category] + n) for category, n in changes)

    fold_of = {}
    for speaker, mine in counts.items():
        fold_of[speaker] = min(range(n_folds), key=lambda fold: added(fold, mine, Counter()))
        folds[fold_of[speaker]].update(mine)
    better = True
    while better:
        better = False
        for one, other in combinations(counts, 2):
            a, b, here, there = counts[one], counts[other], fold_of[one], fold_of[other]
            if here != there and added(here, b, a) + added(there, a, b) < 0:
                folds[here] = folds[here] - a + b
                folds[there] = folds[there] - b + a
                fold_of[one], fold_of[other] = there, here
                better = True
    return fold_of
