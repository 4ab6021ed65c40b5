"""Methods that fit a model, or what it reads, to another corpus without that corpus's labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.nearest import suggestion

if TYPE_CHECKING:
    from speechbrain_ext.hparams import Hparams

AS_TRAINED, CORPUS_NORM, SPEAKER_NORM, CORAL = "as-trained", "corpus-znorm", "speaker-znorm", "coral"
OF_EACH_CORPUS = ("--corpus_normalisation", "True")


@dataclass(frozen=True)
class Method:
    """A way from a model of one corpus to predictions on another.

    Attributes
    ----------
    name, title : str
        As it is typed, and in words.
    transductive : bool
        Whether unlabelled data of the target are used.
    trained : str
        "" where the model is that of the source as it was trained; "source": another model is trained on the source
        once; "target": one for each target.
    source : str
        Where it is published.
    overrides : tuple of str
        Keys of the system that its model is trained with.
    joint_overrides : tuple of str
        The same of a model that is trained on several corpora.
    """

    name: str
    title: str
    transductive: bool
    trained: str = ""
    source: str = ""
    overrides: tuple[str, ...] = ()
    joint_overrides: tuple[str, ...] = ()

    @property
    def target_statistics(self) -> bool:
        """Whether features are standardised with the mean and deviation of the target in place of the source's."""
        return self.name == CORPUS_NORM and not self.trained

    def on_several_corpora(self) -> Method:
        """The method where several corpora are trained on together: each is standardised with its own mean."""
        if not self.joint_overrides:
            return self
        return replace(self, trained=self.trained or "source", overrides=self.joint_overrides)

    def refusal(self, hp: Hparams) -> str:
        """Why the method does not apply to a system; "" where it does."""
        phases = [hp.tree["phases"][phase] for phase in hp.phases]
        if self.name in (CORPUS_NORM, SPEAKER_NORM) and not _is_standardised(hp):
            return f"{self.name} does not apply to {hp.system_name}: its features are used as they are"
        if self.name == CORAL and not all("classifier" in phase for phase in phases):
            return f"{self.name} does not apply to {hp.system_name}: it is for classifiers that are fitted at once"
        return ""


METHODS = {
    method.name: method
    for method in (
        Method(AS_TRAINED, "as trained", transductive=False),
        Method(
            CORPUS_NORM,
            "features standardised with each corpus's own mean and deviation",
            transductive=True,
            joint_overrides=OF_EACH_CORPUS,
        ),
        Method(
            SPEAKER_NORM,
            "features standardised with each speaker's own mean and deviation",
            transductive=True,
            trained="source",
            overrides=("--speaker_normalisation", "True"),
        ),
        Method(
            CORAL,
            "CORAL: the source's features are given the target's covariance",
            transductive=True,
            trained="target",
            source="Sun, Feng and Saenko, AAAI 2016",
            joint_overrides=OF_EACH_CORPUS,
        ),
    )
}


def find_methods(names: Sequence[str]) -> tuple[Method, ...]:
    """Methods by name, "all" for every one; "as-trained" comes first in any case, as the others are compared with it.

    Raises
    ------
    UsageError
        There is no such method.

    Example
    -------
    >>> [method.name for method in find_methods(["coral"])]
    ['as-trained', 'coral']
    """
    if list(names) == ["all"]:
        return tuple(METHODS.values())
    for name in names:
        if name not in METHODS:
            raise UsageError(f"--methods {name}: {suggestion(name, list(METHODS), 'methods')}, or all")
    return tuple(method for name, method in METHODS.items() if name in names or name == AS_TRAINED)


def _is_standardised(hp: Hparams) -> bool:
    """Whether every feature of the chosen variant is standardised with statistics of the training set."""
    features = hp.build()["features"]
    # Not built: a pretrained model may be out of reach.
    return all(declared(features[name])[0].normalised for name in hp.features())
