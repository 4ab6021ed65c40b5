"""Records of stage 3: the scores of a run, and what a reader must know before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from speechbrain_ext.evaluation.coverage import coverage_sentence
from speechbrain_ext.evaluation.facts import Facts, Identity, difference_sentence
from speechbrain_ext.evaluation.targets import Confusion
from speechbrain_ext.metrics.speakers import Interval
from speechbrain_ext.preparation.edition import is_other_edition
from speechbrain_ext.training.finished import FoldFacts
from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.json_fields import optional, required
from speechbrain_ext.utils.text import DASH, in_range, percent

SCHEMA = 2
# With fewer no test that swaps systems within speakers reaches p = 0.05: its smallest p is 2 / 2^speakers.
FEWEST_SPEAKERS = 6
COVERED = {"wa": "WA", "uar": "UAR", "ccc": "CCC"}
SYNTHETIC = "Synthetic mini corpus: these numbers show that the software runs; they say nothing about speech."
SPEAKERS_KNOWN = "Speaker-dependent: test speakers were also trained on; new ones will do worse."


@dataclass(frozen=True)
class Score:
    """A score with what is known of its spread.

    Arguments
    ---------
    value : float
        Classes: a fraction; dimensions: a coefficient, or an error in the corpus's units.
    interval : tuple of float or None
        The ends of the 95 % interval over speakers; None where there is none.
    std : float or None
        Standard deviation (ddof 0) over folds or seeds; None for one value.
    of_seeds : tuple of float
        In a summary, the value of each seed.
    """

    value: float
    interval: Interval | None = None
    std: float | None = None
    of_seeds: tuple[float, ...] = ()

    def text(self, write: Callable[[float], str]) -> str:
        """Write the score with its interval or its standard deviation, where it has one.

        Example
        -------
        >>> from speechbrain_ext.utils.text import percent
        >>> Score(0.825, (0.79, 0.861)).text(percent), Score(0.825, std=0.03).text(percent), Score(0.6).text(percent)
        ('82.50 [79.00, 86.10]', '82.50 ± 3.00', '60.00')
        """
        if self.std is not None:
            return f"{write(self.value)} ± {write(self.std)}"
        return write(self.value) + (f" [{', '.join(map(write, self.interval))}]" if self.interval else "")


Scores = Mapping[str, Score]


@dataclass(frozen=True, kw_only=True)
class FoldResults(FoldFacts):
    """A fold with its scores; `confusion` as in `Pooled`.

    `temperature` is fitted to the posteriors of the development set; None where there is none.
    """

    scores: Scores
    confusion: Confusion
    speakers_test: tuple[str, ...] = required(parse.texts)
    temperature: float | None = optional(parse.positive)


@dataclass(frozen=True)
class Pooled:
    """Scores over the utterances of all folds; counts [true class][recognised class], empty for dimensions."""

    n: int
    scores: Scores
    confusion: Confusion = ()

    def __getitem__(self, name: str) -> Score:
        return self.scores[name]

    def get(self, name: str) -> Score | None:
        """A score that not every run has."""
        return self.scores.get(name)


@dataclass(frozen=True, kw_only=True)
class Summary(Identity):
    """Scores over several seeds: mean, standard deviation and the value of each seed."""

    seeds: tuple[int, ...] = required(parse.list_of(parse.count))
    pooled: Scores
    mean: Scores


@dataclass(frozen=True, kw_only=True)
class Results(Facts):
    """The scores of a run with all that is known of it: results.json.

    Arguments
    ---------
    sha256 : str or None
        Of predictions.csv; None before the file is written.
    files : mapping or None
        Names of further files of stage 3 with their SHA-256.
    """

    pooled: Pooled
    folds: tuple[FoldResults, ...]
    mean: Scores
    sha256: str | None = optional(parse.text)
    files: Mapping[str, str] | None = optional(parse.mapping_of(parse.text))

    @property
    def is_partial(self) -> bool:
        """Whether only some folds of the protocol were run."""
        return len(self.folds) < (self.folds_of_protocol or 0)

    @property
    def has_epochs(self) -> bool:
        """Whether the run was trained in epochs; a classifier such as an SVM is fitted at once."""
        return any(fold.optimizer_steps != 0 for fold in self.folds)

    @property
    def selection_shown(self) -> str:
        """The rule of model selection; a dash where nothing is selected."""
        return self.selection_name if self.has_epochs else DASH

    @property
    def training_seconds(self) -> float:
        """Of all folds."""
        return sum(fold.train_seconds for fold in self.folds)

    @property
    def training_text(self) -> str:
        """Epochs and optimiser steps of each phase in the first fold; empty where the result has none."""
        phases = ((name, one) for name, one in (self.folds[0].phases or {}).items() if one.optimizer_steps)
        return "; ".join(f"{name} {one.epochs} epochs, {one.optimizer_steps} optimiser steps" for name, one in phases)

    @property
    def temperatures(self) -> dict[str, float]:
        """Of each fold, by name; empty unless every fold has one."""
        found = {fold.name: fold.temperature for fold in self.folds if fold.temperature is not None}
        return found if len(found) == len(self.folds) else {}

    @property
    def n_speakers(self) -> int:
        """How many speakers were tested."""
        return len({speaker for fold in self.folds for speaker in fold.speakers_test})

    @property
    def few_speakers(self) -> str:
        """A warning where the tested speakers are too few; empty where they suffice."""
        if self.n_speakers >= FEWEST_SPEAKERS:
            return ""
        if self.n_speakers == 1:
            return "One speaker: 1 was tested, so that there is no interval over speakers."
        return (
            f"Few speakers: {self.n_speakers} were tested, so that intervals over speakers are wide, and no comparison "
            f"of systems over speakers can reach p = 0.05 (it takes {FEWEST_SPEAKERS})."
        )

    @property
    def coverage(self) -> str:
        """What the run's intervals cover in simulations with as many speakers; empty where it is not known."""
        scores = [name for name in self.target.scores.with_interval if self.pooled[name].interval]
        names = {name.partition(".")[0]: COVERED[name.partition(".")[0]] for name in scores}
        return coverage_sentence(names, self.n_speakers)

    @property
    def majority(self) -> str:
        """What the most frequent class would score if every utterance were called so; empty for dimensions."""
        counts = [sum(row) for row in self.pooled.confusion]
        if not counts:
            return ""
        best, classes = max(range(len(counts)), key=counts.__getitem__), sum(count > 0 for count in counts)
        wa, uar = percent(counts[best] / sum(counts)), percent(1 / classes)
        names = self.target.names
        return f"Majority class of {len(names)}: {names[best]} for every utterance scores WA {wa}, UAR {uar}."

    @property
    def optimism(self) -> str:
        """A warning where the model was selected on the test fold, with how much that raised the scores."""
        if self.selection != "test":
            return ""
        gaps = [fold.optimism for fold in self.folds if fold.optimism]
        means = [f"{key.upper()} {100 * sum(gap[key] for gap in gaps) / len(gaps):+.2f}" for key in _keys_of_all(gaps)]
        warning = "Optimistic: the model was selected on the test fold."
        return warning + (f" Against the last epoch, points: {', '.join(means)}." if means else "")

    @property
    def all_warnings(self) -> list[str]:
        """What a reader must know before the numbers, one sentence each, the run's own warnings last."""
        found = {}
        if self.source == "mini":
            found["mini corpus"] = SYNTHETIC
        elif is_other_edition(self.corpus, self.edition):
            found["edition"] = "This copy is not the corpus as published: no paper's number is compared with it."
        if self.is_speaker_dependent:
            found["speaker-dependent"] = SPEAKERS_KNOWN
        if self.optimism:
            found["optimistic"] = self.optimism
        if self.is_partial:
            folds = f"{len(self.folds)} of {self.folds_of_protocol}"
            found["partial"] = f"Partial: only {folds} folds of the protocol were run."
        if few := self.few_speakers:
            found[few.split(":")[0].lower()] = few
        if settings := difference_sentence(self.differs_from_paper):
            found["settings"] = settings[:1].upper() + settings[1:]
        # The run's own warnings repeat some of these.
        own = [warning for warning in self.warnings or () if warning.split(":")[0].lower() not in found]
        return list(dict.fromkeys([*found.values(), *own]))

    @property
    def card(self) -> list[tuple[str, str]]:
        """The protocol card: name and value of each line, in reading order."""
        versions = ", ".join(f"{name} {version}" for name, version in sorted(self.versions.items()))
        lines = [
            ("Corpus", self.corpus),
            ("Edition", self.edition),
            ("Source", "mini corpus: synthetic" if self.source == "mini" else self.source),
            ("Dimensions" if self.has_dimensions else "Classes", ", ".join(self.target.names)),
            ("Majority class", self.majority.partition(": ")[2]),
            ("Protocol", self.protocol_name),
            ("Folds", f"{len(self.folds)}, split with fold seed {self.fold_seed}"),
            ("Development set", self.dev),
            ("Model selection", self.selection_name if self.has_epochs else ""),
            ("Preset", self.preset),
            ("Seed", str(self.seed)),
            ("Training", self.training_text),
            ("Parameters", self.parameters_text),
            ("Device", f"{self.device}, {self.precision}"),
            ("Commit", self.commit),
            ("Versions", versions),
            ("Command", self.command or ""),
            ("Manifest", f"sha256 {self.manifest_sha256}"),
            ("Fold file", f"sha256 {self.folds_sha256}"),
            ("Hyper-parameters", f"sha256 {self.hparams_sha256}"),
        ]
        return [(name, value) for name, value in lines if value]


def epochs_text(seeds: Sequence[Results]) -> str:
    """Write the epochs of all folds of some results as a range; a dash where a classifier has none."""
    epochs = [fold.epochs for results in seeds if results.has_epochs for fold in results.folds]
    return in_range(epochs) if epochs else DASH


def _keys_of_all(gaps: Sequence[Mapping[str, float]]) -> list[str]:
    return [key for key in gaps[0] if all(key in gap for gap in gaps)] if gaps else []
