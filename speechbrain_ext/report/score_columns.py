"""The columns of scores in RESULTS.md and on the page, for classes and for dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from speechbrain_ext.evaluation.records import Results, Summary
from speechbrain_ext.evaluation.targets import Target
from speechbrain_ext.utils.text import DASH

SCORES_EXPLAINED = (
    "Scores are per cent. WA: share of utterances recognised. UAR (the papers' UA): mean over the classes of their "
    "recall. Pooled: one score over the utterances of all folds; square brackets: its 95 % interval, jackknife over "
    "speakers."
)
NAMES = {"wa": "WA", "uar": "UAR", "macro_f1": "Macro-F1", "ccc_mean": "CCC, mean"}


@dataclass(frozen=True)
class ScoreColumn:
    """A column: its head, and the score that it shows of the pooled ones or of the means over folds."""

    head: str
    part: str
    score: str

    @property
    def over_seeds_head(self) -> str:
        """The head where the spread is over seeds."""
        return self.head.removesuffix(" [95 %]").removesuffix(" ± std")

    def cell(self, results: Results | Summary) -> str:
        """The score with its spread; a dash where the run has no such score."""
        scores = results.mean if self.part == "mean" else results.pooled
        score = scores.get(self.score)
        return DASH if score is None else score.text(results.target.number)


CLASS_COLUMNS = (
    ScoreColumn("WA, pooled [95 %]", "pooled", "wa"),
    ScoreColumn("UAR, pooled [95 %]", "pooled", "uar"),
    ScoreColumn("WA, mean of folds ± std", "mean", "wa"),
    ScoreColumn("UAR, mean of folds ± std", "mean", "uar"),
)


def dimension_columns(dimensions: Sequence[str]) -> tuple[ScoreColumn, ...]:
    """The columns of runs on dimensions."""
    return (
        *(ScoreColumn(f"CCC {name}, pooled [95 %]", "pooled", f"ccc.{name}") for name in dimensions),
        ScoreColumn("CCC, mean, pooled", "pooled", "ccc_mean"),
        ScoreColumn("CCC, mean of folds ± std", "mean", "ccc_mean"),
    )


def main_score(target: Target) -> str:
    """The one score by which a run is named: the last of those whose mean over folds is taken."""
    return target.scores.mean[-1]


def score_name(score: str) -> str:
    """Write a score's name.

    Example
    -------
    >>> score_name("uar"), score_name("ccc.valence")
    ('UAR', 'CCC, valence')
    """
    name, _, dimension = score.partition(".")
    return f"{name.upper()}, {dimension}" if dimension else NAMES[name]
