"""What the page says of a run beyond its scores: gaps of speakers and genders, calibration, distance from votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from speechbrain_ext.evaluation import statistics
from speechbrain_ext.evaluation.annotations import manifest_of, speaker_genders, votes_by_utterance
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.statistics import Calibration, GroupScores, System
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.metrics.calibration import NOT_CALIBRATED
from speechbrain_ext.metrics.vote_divergence import Divergence

GENDERS = {"F": "female", "M": "male"}


@dataclass(frozen=True)
class RunStatistics:
    """Statistics of a run on classes.

    Attributes
    ----------
    speakers, genders : sequence of GroupScores
        UAR of each; no genders where the corpus does not state them or all speakers have the same.
    calibration : Calibration or None
        None where there are no posteriors.
    annotators : Divergence or None
        Each annotator against the others, the human ceiling of the distance from the votes.
    tempered : Calibration or None
        With the temperature of each fold; None where they have none.
    temperatures : sequence of float
        Of the folds, sorted.
    dev_utterances : sequence of int
        Size of the development set of each fold.
    is_uncalibrated : bool
        Whether the posteriors are a softmax of SVM scores.
    """

    speakers: Sequence[GroupScores]
    genders: Sequence[GroupScores]
    calibration: Calibration | None
    annotators: Divergence | None
    tempered: Calibration | None
    temperatures: Sequence[float]
    dev_utterances: Sequence[int]
    is_uncalibrated: bool

    @property
    def speaker_gap(self) -> float:
        """Highest less lowest UAR over speakers, a fraction."""
        return _gap(self.speakers)

    @property
    def gender_gap(self) -> float:
        """Highest less lowest UAR over genders, a fraction."""
        return _gap(self.genders)


def run_statistics(folder: Path, results: Results, rows: Sequence[Prediction]) -> RunStatistics:
    """Compute the statistics of a run on classes.

    Arguments
    ---------
    folder : Path
        The folder of results.json.
    results : Results
    rows : sequence of Prediction
    """
    system = System(results.run_name, results.target, (rows,), results.temperatures)
    utterances = manifest_of(folder / "results.json", results)
    votes = votes_by_utterance(utterances, results, results.target.names)
    genders = statistics.by_gender([system], speaker_genders(rows, results, utterances))
    calibration, tempered = statistics.calibration(system, votes), system.tempered()
    return RunStatistics(
        statistics.by_speaker([system]),
        [replace(one, name=GENDERS.get(one.name, one.name)) for one in genders],
        calibration,
        statistics.annotators(system, votes) if calibration and calibration.votes else None,
        statistics.calibration(tempered, votes) if tempered else None,
        sorted(results.temperatures.values()),
        [fold.n_dev for fold in results.folds],
        NOT_CALIBRATED in (results.warnings or ()),
    )


def _gap(groups: Sequence[GroupScores]) -> float:
    scores = [group.scores[0] for group in groups]
    return max(scores) - min(scores) if scores else 0.0
