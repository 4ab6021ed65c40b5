"""An experiment with the utterances of another corpus in place of its own."""

from __future__ import annotations

import copy
from dataclasses import replace

from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.target import TargetCorpus


class _View(Experiment):
    """An experiment with the utterances and the task of another corpus; it is not asked for folders."""

    @property
    def used(self) -> list[str]:
        return sorted(self.utterances)


def view_of(experiment: Experiment, target: TargetCorpus) -> Experiment:
    """Give the experiment with the utterances and the task of a target in place of its own."""
    view = copy.copy(experiment)
    view.__class__ = _View
    view.__dict__["utterances"] = target.utterances
    view.manifest, view.hp = target.facts, replace(experiment.hp, task=target.task)
    return view
