"""Valence, activation and dominance in place of classes that corpora share, with the scales of their values."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.corpora import CORPORA
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.shared_classes import SharedClasses, refuse_same_names
from speechbrain_ext.corpora.stated_facts import StatedFacts
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UserError


def stated_facts(facts: CorpusFacts) -> StatedFacts:
    """What is stated of a prepared corpus: next to its CSV, else by its module where it has one."""
    if facts.stated != StatedFacts():
        return facts.stated
    return next((each.stated for each in CORPORA.values() if each.name == facts.corpus), StatedFacts())


def share_dimensions(corpora: Sequence[CorpusFacts], dimensions: Sequence[str]) -> SharedClasses:
    """Give the task of each corpus with dimensions in place of classes, and the scale of its values.

    Arguments
    ---------
    corpora : sequence of CorpusFacts
        Two or more, as stage 0 found them.
    dimensions : sequence of str
        Of valence, activation, dominance.

    Returns
    -------
    SharedClasses
        Without classes.

    Raises
    ------
    UserError
        Two corpora have one name, or the scale of one is not stated.
    """
    refuse_same_names([facts.corpus for facts in corpora])
    tasks, scales = {}, {}
    for facts in corpora:
        scale = stated_facts(facts).dimension_scale
        if scale is None:
            raise UserError(
                f"{facts.corpus}: expected values of {', '.join(dimensions)} with a stated scale, found none: leave it "
                f"out; of a CSV that has such values, state their scale in {facts.corpus}.facts.json next to it, such "
                'as {"dimension_scale": [1, 5]}, and type the same command again'
            )
        usual = facts.task
        tasks[facts.corpus] = Task(scenarios=usual.scenarios, parts=usual.parts, dimensions=tuple(dimensions))
        scales[facts.corpus] = scale
    return SharedClasses((), tasks, tuple(dimensions), scales)
