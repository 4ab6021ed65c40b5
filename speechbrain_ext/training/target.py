"""A prepared corpus that models of another one are scored on or adapted to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UserError


@dataclass(frozen=True)
class TargetCorpus:
    """A prepared corpus that models of another one are scored on or adapted to.

    Arguments
    ---------
    folder : str
        `data/<CORPUS>-<source>`.
    task : Task
        The shared classes, and which utterances and labels are of them; or the dimensions.
    scale : (float, float) or None
        Lowest and highest value of the dimensions; None with classes.
    """

    folder: str
    task: Task
    scale: tuple[float, float] | None = None

    @cached_property
    def facts(self) -> CorpusFacts:
        """The content of its manifest.json."""
        return read_facts(self.folder)

    @cached_property
    def utterances(self) -> dict[str, Utterance]:
        """The utterances that are scored, and whose features a model may be adapted to, by id.

        Raises
        ------
        UserError
            There is none.
        """
        read = read_utterances(self.folder, self.facts)
        used = {item.id: item for item in read if self.task.label_of(item) is not None}
        if not used:
            what = ", ".join(self.task.classes or self.task.dimensions)
            raise UserError(f"{self.folder}: expected utterances of {what}, found none: choose another target")
        return used
