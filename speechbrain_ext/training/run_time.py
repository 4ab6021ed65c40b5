"""How long a run will take, said before it starts: from earlier runs on this machine, else from a stated other one."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from speechbrain_ext.training.plan import Plan, PlannedRun, make_plan
from speechbrain_ext.training.progress import seconds_text
from speechbrain_ext.training.rates import HERE
from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.files import write_json
from speechbrain_ext.utils.json_fields import read_record, required

# Below the features' root: how long complete runs took on this machine.
RECORD = "run_times.json"
# Beside the recipes: how long the first run took on another machine, written by benchmarks/first_run.py --keep.
REFERENCE = "shared/run_times.json"
MOST_KEPT = 200


@dataclass(frozen=True, kw_only=True)
class RunTime:
    """How long all stages of a run took from nothing.

    Attributes
    ----------
    hparams_sha256 : str
        What was trained.
    corpus, protocol : str
        Such as EmoDB-mini and random5.
    wall_s : float
        Seconds from the first stage to the last.
    jobs : int
        Worker processes.
    processor : str
        The machine's processor.
    """

    hparams_sha256: str = required(parse.text)
    corpus: str = required(parse.text)
    protocol: str = required(parse.text)
    wall_s: float = required(parse.number)
    jobs: int = required(parse.count)
    processor: str = required(parse.text)


class RunClock:
    """Says how long runs will take, and keeps how long they took.

    Arguments
    ---------
    runs : sequence of PlannedRun
        One for each row and seed, before stage 0.
    jobs : int
        Worker processes.
    folds : sequence of str
        Names of the folds; empty for all.
    force : bool
        Complete phases are trained again.
    """

    def __init__(self, runs: Sequence[PlannedRun], jobs: int, folds: Sequence[str] = (), force: bool = False) -> None:
        self.runs, self.jobs, self.folds = list(runs), jobs, folds
        self.plan = make_plan(runs, force, folds)
        # A run that finds something is shorter, and says nothing of one from nothing.
        self.from_nothing = all(run.experiment is None for run in runs) and len(runs) == 1 and not folds
        self.started = time.monotonic()

    def text(self) -> str:
        """Say how long it will take, and what that is known from."""
        if not self.plan.of("train"):
            return "all trainings are complete already"
        if earlier := self._earlier():
            run, here = earlier
            where = "an earlier run here" if here else f"measured on {run.processor}; this machine may differ"
            return f"all stages take about {seconds_text(run.wall_s)} ({where})"
        return _trainings_text(self.plan, self.jobs)

    def _earlier(self) -> tuple[RunTime, bool] | None:
        """The time of the same run from nothing, and whether it was measured here."""
        if not self.from_nothing:
            return None
        same = self._record(0.0)
        for path, here in ((self._kept, True), (self._reference, False)):
            for run in reversed(_read(path)):
                found = (run.hparams_sha256, run.corpus, run.protocol)
                if found == (same.hparams_sha256, same.corpus, same.protocol):
                    return run, here
        return None

    def keep(self) -> None:
        """Keep how long this run took, if it began with nothing."""
        if self.from_nothing:
            kept = [*_read(self._kept), self._record(round(time.monotonic() - self.started, 1))]
            write_json(self._kept, [asdict(run) for run in kept[-MOST_KEPT:]])

    def _record(self, wall_s: float) -> RunTime:
        run = self.runs[0]
        return RunTime(
            hparams_sha256=run.hp.sha256(),
            corpus=Path(run.spec.data).name,
            protocol=run.protocol,
            wall_s=wall_s,
            jobs=self.jobs,
            processor=processor(),
        )

    @property
    def _kept(self) -> Path:
        return Path(self.runs[0].spec.cache) / RECORD

    @property
    def _reference(self) -> Path:
        return Path(self.runs[0].spec.recipe).parent / REFERENCE


def processor() -> str:
    """The name of the machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _read(path: Path) -> list[RunTime]:
    """Read kept times; none where the file is missing or damaged, as for every estimate."""
    try:
        return [read_record(RunTime, one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _trainings_text(plan: Plan, jobs: int) -> str:
    """Say how long the trainings take as far as the seconds of an epoch are known."""
    hours, unknown = plan.hours()
    if unknown or not plan.folds_known:
        why = f"no training of {', '.join(unknown)} was measured yet" if unknown else "the number of folds is not known"
        return f"how long it takes is not known: {why}"
    origins = ", ".join(dict.fromkeys(phase.origin for phase in plan.of("train")))
    shared = 3600 * hours / jobs
    number = len(plan.of("train"))
    others = "" if origins == HERE else "; this machine may differ"
    return f"{number} trainings take about {seconds_text(shared)} (seconds of an epoch from: {origins}{others})"
