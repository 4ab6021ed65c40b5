"""The rows of a table, each compared with one reference row over speakers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from speechbrain_ext.evaluation.comparability import comparison_card, differences
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.statistics import System, compare, family_p
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.metrics.paired_tests import LEVEL, PairedTest

TRANSDUCTIVE, SHUFFLED = "transductive", "shuffled"
TRANSDUCTIVE_ONLY = "transductive rows are compared with transductive ones only"


@dataclass(frozen=True)
class ComparedRow:
    """A row of a table.

    Attributes
    ----------
    name : str
    results : sequence of Results
        One of each seed.
    predictions : sequence of sequences of Prediction
        Of each seed, in the same order.
    """

    name: str
    results: Sequence[Results]
    predictions: Sequence[Sequence[Prediction]]

    @property
    def is_transductive(self) -> bool:
        """Whether the run says that it used unlabelled test data."""
        return self._warns(TRANSDUCTIVE)

    @property
    def is_shuffled(self) -> bool:
        """Whether the run says that its labels were dealt out at random."""
        return self._warns(SHUFFLED)

    @property
    def system(self) -> System:
        """What the tests take."""
        seeds = (tuple(sorted(rows, key=lambda row: row.id)) for rows in self.predictions)
        return System(self.name, self.results[0].target, tuple(seeds))

    def utterances(self) -> dict[str, tuple[str, str, tuple[float, ...]]]:
        """Speaker, label and true values of each tested utterance."""
        return {row.id: (row.speaker, row.label, row.values) for row in self.predictions[0]}

    @property
    def tests_once(self) -> bool:
        """Whether each seed tests each utterance once."""
        counts = (Counter(row.id for row in rows) for rows in self.predictions)
        return all(count == 1 for one in counts for count in one.values())

    def _warns(self, kind: str) -> bool:
        return any(warning.startswith(f"{kind}: ") for one in self.results for warning in one.warnings or ())


@dataclass(frozen=True)
class RowTest:
    """A score of a row against that of the reference.

    Attributes
    ----------
    metric : str
        "uar", or the CCC of a dimension, such as "ccc.valence".
    test : PairedTest
        The reference is the first system.
    p_holm : float
        p after Holm over all tests of the table.
    """

    metric: str
    test: PairedTest
    p_holm: float

    @property
    def holds(self) -> bool:
        """Whether the difference holds after Holm."""
        return self.p_holm <= LEVEL


@dataclass(frozen=True)
class RowFamily:
    """The tests of a table.

    Attributes
    ----------
    rows : tuple of ComparedRow
    reference : int
        Place of the reference among the rows.
    tests : tuple of tuples of RowTest
        Of each row: of its UAR, or of each dimension; empty for the reference and for rows that are not compared.
    reasons : tuple of str
        Of each row, why it is not compared; "" where it is, and for the reference.
    """

    rows: tuple[ComparedRow, ...]
    reference: int
    tests: tuple[tuple[RowTest, ...], ...]
    reasons: tuple[str, ...]

    @property
    def compared(self) -> list[tuple[ComparedRow, tuple[RowTest, ...]]]:
        """The rows that are compared with their tests: the declared family."""
        return [(row, tests) for row, tests in zip(self.rows, self.tests, strict=True) if tests]


def compare_rows(rows: Sequence[ComparedRow], reference: int) -> RowFamily:
    """Compare the rows of a table with one of them: permutation tests within speakers, p after Holm.

    Arguments
    ---------
    rows : sequence of ComparedRow
        All rows of the table.
    reference : int
        The place of the row that the others are compared with.

    Returns
    -------
    family : RowFamily
    """
    first = rows[reference]
    reasons = ["" if row is first else _why_not(row, first) for row in rows]
    others = [row for row, reason in zip(rows, reasons, strict=True) if row is not first and not reason]
    found = [compare(first.system, row.system) for row in others]
    of_family: Iterator[tuple[RowTest, ...]] = (
        tuple(RowTest(metric, one.tests[metric], p) for metric, p in adjusted.items() if p is not None)
        for one, adjusted in zip(found, family_p(found), strict=True)
    )
    tests = [() if row is first or reason else next(of_family) for row, reason in zip(rows, reasons, strict=True)]
    return RowFamily(tuple(rows), reference, tuple(tests), tuple(reasons))


def _why_not(row: ComparedRow, first: ComparedRow) -> str:
    """Say why a row is not compared with the reference; empty where it is."""
    if row.results[0].has_dimensions != first.results[0].has_dimensions:
        return "classes are not compared with dimensions"
    found = differences(comparison_card(row.results[0]), comparison_card(first.results[0]))
    known, own = first.utterances(), row.utterances()
    if known.keys() != own.keys():
        found.insert(0, f"other utterances: {len(own)} against {len(known)}, {len(known.keys() & own.keys())} in both")
    elif known != own:
        found.insert(0, "other labels, values or speakers of the same utterances")
    if found:
        return "; ".join(found)
    if row.is_shuffled or first.is_shuffled:
        return "trained on labels that were dealt out at random, a check"
    if row.is_transductive != first.is_transductive:
        return TRANSDUCTIVE_ONLY
    if not (row.tests_once and first.tests_once):
        return "an utterance is tested several times"
    if len({speaker for speaker, *_ in known.values()}) < 2:
        return "one speaker alone was tested"
    return ""
