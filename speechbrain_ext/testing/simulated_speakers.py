"""Simulated results of many speakers, to measure what an interval or a test over speakers does.

Speakers are drawn from a population whose scores are known. Each has a recall of their own for each class, or an
offset of their own in the predicted values, so that utterances of one speaker are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

# Nodes of the quadrature over a normal distribution: enough for 12 digits of a logistic one.
NODES = 80


@dataclass(frozen=True)
class ClassPopulation:
    """Speakers on whom a system recognises classes.

    Attributes
    ----------
    name : str
    recalls : tuple of float
        Of each class, for the middle speaker.
    counts : tuple of int
        Utterances of each class and speaker.
    is_uneven : bool
        The counts are Poisson with these means, so that speakers differ in number and may lack a class.
    speaker_sd, class_sd : float
        Standard deviation over speakers of the logit of recall: what a speaker's classes share, and each class's own.
    """

    name: str
    recalls: tuple[float, ...]
    counts: tuple[int, ...]
    is_uneven: bool = False
    speaker_sd: float = 0.5
    class_sd: float = 0.4

    @property
    def expected_recalls(self) -> np.ndarray:
        """Mean recall over all speakers of the population [class]."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        sd = np.hypot(self.speaker_sd, self.class_sd)
        shares = expit(logit(np.array(self.recalls))[:, None] + sd * nodes)  # [class, node]
        return shares @ weights / weights.sum()  # [class]

    def expected(self, metric: str) -> float:
        """The population's WA or UAR."""
        weights = np.array(self.counts) if metric == "wa" else None
        return float(np.average(self.expected_recalls, weights=weights))

    def draw(self, n_speakers: int, n: int, generator: np.random.Generator) -> np.ndarray:
        """Draw data sets: counts [data set, speaker, true class, predicted class]."""
        counts = self._counts(n_speakers, n, generator)  # [data set, speaker, class]
        return _confusions(counts, self._recalls(counts.shape, generator), generator)

    def draw_pairs(
        self, n_speakers: int, n: int, generator: np.random.Generator, shift: float = 0.0, own_sd: float = 0.3
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw data sets that two systems recognise, which share what is easy and what is hard about a speaker.

        Arguments
        ---------
        n_speakers, n : int
            Speakers, and data sets.
        generator : numpy.random.Generator
        shift : float
            How much better the second system is, in logits; at 0 no test over speakers can tell them apart.
        own_sd : float
            Standard deviation over speakers of what each system has of its own.

        Returns
        -------
        first, second : numpy.ndarray
            Counts [data set, speaker, true class, predicted class] each.
        """
        counts = self._counts(n_speakers, n, generator)  # [data set, speaker, class]
        shared = logit(self._recalls(counts.shape, generator))  # [data set, speaker, class]
        systems = []
        for better in (0.0, shift):
            own = generator.normal(0, own_sd, (n, n_speakers, 1))  # [data set, speaker, 1]
            systems.append(_confusions(counts, expit(shared + own + better), generator))
        return systems[0], systems[1]

    def expected_difference(self, metric: str, shift: float, own_sd: float = 0.3) -> float:
        """How much better the second system of `draw_pairs` is in the population."""
        sd = float(np.hypot(self.speaker_sd, own_sd))
        first = ClassPopulation("", self.recalls, self.counts, False, sd, self.class_sd)
        moved = tuple(expit(logit(np.array(self.recalls)) + shift))
        second = ClassPopulation("", moved, self.counts, False, sd, self.class_sd)
        return second.expected(metric) - first.expected(metric)

    def _counts(self, n_speakers: int, n: int, generator: np.random.Generator) -> np.ndarray:
        shape = (n, n_speakers, len(self.counts))
        return generator.poisson(self.counts, shape) if self.is_uneven else np.broadcast_to(self.counts, shape)

    def _recalls(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        speaker = generator.normal(0, self.speaker_sd, (*shape[:2], 1))  # [data set, speaker, 1]
        own = generator.normal(0, self.class_sd, shape)  # [data set, speaker, class]
        return expit(logit(np.array(self.recalls)) + speaker + own)  # [data set, speaker, class]


@dataclass(frozen=True)
class ValuePopulation:
    """Speakers of whom a system predicts a value such as valence.

    Attributes
    ----------
    name : str
    slope : float
        Of the predicted value on the true one.
    noise_sd : float
        Standard deviation of the predicted value about its line.
    speaker_sd : float
        Standard deviation over speakers of the true values' mean, and of the offset of the predicted ones.
    utterances : int
        Of each speaker.
    """

    name: str
    slope: float = 0.6
    noise_sd: float = 0.6
    speaker_sd: float = 0.3
    utterances: int = 50

    @property
    def expected(self) -> float:
        """The population's CCC; true values have a standard deviation of 1 within a speaker."""
        return self._expected(self.slope, 0.0)

    def draw(self, n_speakers: int, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw data sets: true and predicted values [data set, speaker, utterance] each."""
        shape = (n, n_speakers, self.utterances)
        means, offsets = generator.normal(0, self.speaker_sd, (2, n, n_speakers, 1))  # [data set, speaker, 1] each
        true = means + generator.normal(0, 1, shape)  # [data set, speaker, utterance]
        predicted = self.slope * true + offsets + generator.normal(0, self.noise_sd, shape)
        return true, predicted

    def draw_pairs(
        self, n_speakers: int, n: int, generator: np.random.Generator, steeper: float = 0.0, own_sd: float = 0.2
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw data sets whose values two systems predict, with an offset of each speaker that they share.

        Arguments
        ---------
        n_speakers, n : int
            Speakers, and data sets.
        generator : numpy.random.Generator
        steeper : float
            How much larger the second system's slope is; at 0 no test over speakers can tell them apart.
        own_sd : float
            Standard deviation over speakers of the further offset that each system has of its own.

        Returns
        -------
        true, first, second : numpy.ndarray
            [data set, speaker, utterance] each.
        """
        shape = (n, n_speakers, self.utterances)
        means, offsets = generator.normal(0, self.speaker_sd, (2, n, n_speakers, 1))  # [data set, speaker, 1] each
        true = means + generator.normal(0, 1, shape)  # [data set, speaker, utterance]
        systems = []
        for more in (0.0, steeper):
            own = generator.normal(0, own_sd, (n, n_speakers, 1))  # [data set, speaker, 1]
            noise = generator.normal(0, self.noise_sd, shape)  # [data set, speaker, utterance]
            systems.append((self.slope + more) * true + offsets + own + noise)
        return true, systems[0], systems[1]

    def expected_difference(self, steeper: float, own_sd: float = 0.2) -> float:
        """By how much the CCC of the second system of `draw_pairs` is larger in the population."""
        return self._expected(self.slope + steeper, own_sd) - self._expected(self.slope, own_sd)

    def _expected(self, slope: float, own_sd: float) -> float:
        true = 1 + self.speaker_sd**2
        predicted = slope**2 * true + self.speaker_sd**2 + own_sd**2 + self.noise_sd**2
        return 2 * slope * true / (true + predicted)


CLASS_POPULATIONS = (
    # Eight classes of equal size, each read by every speaker.
    ClassPopulation("acted", (0.65, 0.65, 0.65, 0.5, 0.5, 0.6, 0.4, 0.65), (8, 8, 8, 8, 8, 4, 8, 8)),
    # Seven classes of unlike size; some speakers lack one.
    ClassPopulation("uneven", (0.9, 0.8, 0.7, 0.7, 0.6, 0.8, 0.9), (13, 8, 5, 7, 7, 8, 6), is_uneven=True),
    # Four classes, two of them frequent, and speakers who differ much.
    ClassPopulation("spontaneous", (0.65, 0.6, 0.75, 0.7), (110, 160, 170, 110), True, 0.6, 0.5),
)
VALUE_POPULATIONS = (ValuePopulation("clear"), ValuePopulation("noisy", 0.3, 0.6, 0.5, 60))


def _confusions(counts: np.ndarray, recalls: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw what is recognised [data set, speaker, true class, predicted class]; errors go to all others alike."""
    n_classes = counts.shape[-1]
    others = 1 - np.eye(n_classes)  # [true class, predicted class]
    errors = (1 - recalls)[..., None] * others / (n_classes - 1)  # [data set, speaker, true class, predicted class]
    return generator.multinomial(counts, errors + recalls[..., None] * np.eye(n_classes))
