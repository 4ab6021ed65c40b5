"""Time left of trainings that run side by side, in seconds of measured work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class TimedPhase:
    """One phase of one task that is to be trained.

    Attributes
    ----------
    task : int
        Place of the task in the list of tasks.
    name : str
        Phases of one name take the same time for an epoch.
    epochs : int
        How many epochs it is trained.
    epoch_seconds : float or None
        Seconds of an epoch that are known from earlier trainings.
    """

    task: int
    name: str
    epochs: int
    epoch_seconds: float | None = None


class Progress:
    """Counts work in seconds: epochs of a phase times the seconds that an epoch of it takes.

    The seconds are measured in this run; until an epoch of a phase has been measured they are those of earlier
    trainings, and where there are none the phase is unknown and said to be.

    Arguments
    ---------
    phases : sequence of TimedPhase
    jobs : int
        Tasks that run at the same time.

    Example
    -------
    >>> progress = Progress([TimedPhase(0, "frlm", 10, 2.0), TimedPhase(0, "fusion", 4)], 1)
    >>> progress.text()
    '0 of 2 phases, about 20 s left, not counting fusion (no epoch measured yet)'
    >>> progress.epoch(0, "frlm", 10, 1.0)
    >>> progress.epoch(0, "fusion", 1, 5.0)
    >>> progress.text(), progress.done_s, progress.total_s
    ('1 of 2 phases, about 15 s left', 15.0, 30.0)
    """

    def __init__(self, phases: Sequence[TimedPhase], jobs: int) -> None:
        self.phases, self.jobs = list(phases), jobs
        self._reached: dict[tuple[int, str], int] = {}
        self._measured: dict[str, list[float]] = defaultdict(list)

    def epoch(self, task: int, name: str, epoch: int, seconds: float) -> None:
        """Count an epoch that has ended.

        Arguments
        ---------
        task : int
        name : str
        epoch : int
            Its number from 1; a phase that goes on from a checkpoint begins with a later one.
        seconds : float
            How long it took.
        """
        self._reached[task, name] = max(epoch, self._reached.get((task, name), 0))
        self._measured[name].append(seconds)

    def task_ended(self, task: int) -> None:
        """Count all phases of a task as done, also those that ended early."""
        for phase in self.phases:
            if phase.task == task:
                self._reached[task, phase.name] = phase.epochs

    @property
    def unknown(self) -> list[str]:
        """Phases with epochs left of which no epoch was ever measured."""
        left = [phase for phase in self.phases if self._left(phase) and self._seconds(phase) is None]
        return list(dict.fromkeys(phase.name for phase in left))

    @property
    def done_s(self) -> float:
        """Seconds of work that are done, of the known phases."""
        return self._sum((phase, phase.epochs - self._left(phase)) for phase in self.phases)

    @property
    def total_s(self) -> float:
        """Seconds of all work, of the known phases."""
        return self._sum((phase, phase.epochs) for phase in self.phases)

    @property
    def left_s(self) -> float:
        """Seconds until the end, of the known phases: the work is shared by the jobs, and a task's own is not."""
        by_task: dict[int, float] = defaultdict(float)
        for phase in self.phases:
            by_task[phase.task] += self._sum([(phase, self._left(phase))])
        return max(sum(by_task.values()) / self.jobs, max(by_task.values(), default=0.0))

    def text(self) -> str:
        """Say how many phases are done, how long the rest takes, and of which phases that is not known."""
        done = sum(not self._left(phase) for phase in self.phases)
        complete = f"{done} of {len(self.phases)} phases"
        known = f"about {seconds_text(self.left_s)} left"
        if not self.unknown:
            return f"{complete}, {known}"
        missing = f"{', '.join(self.unknown)} (no epoch measured yet)"
        return (
            f"{complete}, {known}, not counting {missing}"
            if self.left_s
            else f"{complete}, time left unknown: {missing}"
        )

    def _left(self, phase: TimedPhase) -> int:
        return max(0, phase.epochs - self._reached.get((phase.task, phase.name), 0))

    def _seconds(self, phase: TimedPhase) -> float | None:
        measured = self._measured.get(phase.name)
        return median(measured) if measured else phase.epoch_seconds

    def _sum(self, parts: Iterable[tuple[TimedPhase, int]]) -> float:
        return sum(epochs * (self._seconds(phase) or 0.0) for phase, epochs in parts)


def seconds_text(seconds: float) -> str:
    """Write seconds in the unit that fits.

    Example
    -------
    >>> seconds_text(12.3), seconds_text(300), seconds_text(9000)
    ('12 s', '5 min', '2.5 h')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"
