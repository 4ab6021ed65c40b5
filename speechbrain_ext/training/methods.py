"""Methods that fit a model, or what it reads, to another corpus without that corpus's labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.nearest import suggestion

if TYPE_CHECKING:
    from speechbrain_ext.hparams import Hparams

AS_TRAINED, CORPUS_NORM, SPEAKER_NORM, CORAL = "as-trained", "corpus-znorm", "speaker-znorm", "coral"
OF_EACH_CORPUS = ("--corpus_normalisation", "True")
DEEP_CORAL, DANN, ADABN = "deep-coral", "dann", "adabn"
# Between the name of a method and its strength, such as dann@0.3.
AT = "@"


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
    strength : float
        Weight of what is added to the loss: 1 unless `name` ends with another one; 0 where nothing is added.
    """

    name: str
    title: str
    transductive: bool
    trained: str = ""
    source: str = ""
    overrides: tuple[str, ...] = ()
    joint_overrides: tuple[str, ...] = ()
    strength: float = 0.0

    @property
    def base(self) -> str:
        """Its name without a strength."""
        return self.name.partition(AT)[0]

    @property
    def target_statistics(self) -> bool:
        """Whether features are standardised with the mean and deviation of the target in place of the source's."""
        return self.name == CORPUS_NORM and not self.trained

    def on_several_corpora(self) -> Method:
        """The method where several corpora are trained on together: each is standardised with its own mean."""
        if not self.joint_overrides:
            return self
        return replace(self, trained=self.trained or "source", overrides=self.joint_overrides)

    @property
    def target_norms(self) -> bool:
        """Whether batch normalisation uses the means and variances of the target."""
        return self.name == ADABN

    def at(self, strength: float) -> Method:
        """The same method with another strength."""
        name = f"{self.base}{AT}{strength:g}"
        return replace(self, name=name, title=f"{self.title}, strength {strength:g}", strength=strength)

    def refusal(self, hp: Hparams) -> str:
        """Why the method does not apply to a system; "" where it does."""
        phases = [hp.tree["phases"][phase] for phase in hp.phases]
        if self.name in (CORPUS_NORM, SPEAKER_NORM) and not _is_standardised(hp):
            return f"{self.name} does not apply to {hp.system_name}: its features are used as they are"
        if self.name == CORAL and not all("classifier" in phase for phase in phases):
            return f"{self.name} does not apply to {hp.system_name}: it is for classifiers that are fitted at once"
        if self.base in (DEEP_CORAL, DANN, ADABN) and not all("network" in phase for phase in phases):
            return f"{self.name} does not apply to {hp.system_name}: it is for networks"
        if self.name == ADABN and not _has_batch_norms(hp):
            return f"{self.name} does not apply to {hp.system_name}: it has no batch normalisation"
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
        Method(
            DEEP_CORAL,
            "deep CORAL: the logits of both corpora are trained to have one covariance",
            transductive=True,
            trained="target",
            source="Sun and Saenko, ECCV workshops 2016",
            strength=1.0,
        ),
        Method(
            DANN,
            "DANN: the embedding is trained to leave a classifier of corpora nothing to tell them by",
            transductive=True,
            trained="target",
            source="Ganin et al., JMLR 2016",
            strength=1.0,
        ),
        Method(
            ADABN,
            "AdaBN: batch normalisation with the target's means and variances, layer by layer",
            transductive=True,
            source="Li et al., 2016",
        ),
    )
}


def method_named(name: str) -> Method:
    """A method by name, with a strength where one is named: dann, or dann@0.3.

    Raises
    ------
    UsageError
        There is no such method, or the strength is none.

    Example
    -------
    >>> method_named("dann").strength, method_named("dann@0.3").strength
    (1.0, 0.3)
    """
    base, at, text = name.partition(AT)
    if base not in METHODS:
        raise UsageError(f"--methods {name}: {suggestion(base, list(METHODS), 'methods')}, or all")
    method = METHODS[base]
    if not at:
        return method
    with_strength = ", ".join(name for name, each in METHODS.items() if each.strength)
    if not method.strength:
        raise UsageError(f"--methods {name}: expected {base}, as only {with_strength} have a strength")
    try:
        strength = float(text)
    except ValueError:
        strength = -1.0
    if not 0 < strength < math.inf:
        raise UsageError(f"--methods {name}: expected a strength above 0 after {base}{AT}, found {text!r}")
    return method.at(strength)


def find_methods(names: Sequence[str]) -> tuple[Method, ...]:
    """Methods by name, in one order; as-trained comes first in any case, as the others are compared with it.

    Arguments
    ---------
    names : sequence of str
        As `method_named` takes them; "all" stands for every method at its published strength.

    Raises
    ------
    UsageError
        There is no such method.

    Example
    -------
    >>> [method.name for method in find_methods(["dann@0.3", "coral"])]
    ['as-trained', 'coral', 'dann@0.3']
    """
    named = [name for name in names if name != "all"]
    every = list(METHODS) if "all" in names else [AS_TRAINED]
    found = {method.name: method for method in map(method_named, [*every, *named])}
    order = list(METHODS)
    return tuple(sorted(found.values(), key=lambda method: (order.index(method.base), method.strength)))


def _is_standardised(hp: Hparams) -> bool:
    """Whether every feature of the chosen variant is standardised with statistics of the training set."""
    features = hp.build()["features"]
    # Not built: a pretrained model may be out of reach.
    return all(declared(features[name])[0].normalised for name in hp.features())


def _has_batch_norms(hp: Hparams) -> bool:
    """Whether a phase of the chosen variant has batch normalisation."""
    from speechbrain_ext.lobes.network import declared_network
    from speechbrain_ext.training.norm_statistics import batch_norms

    phases = hp.build()["phases"]
    for name in hp.phases:
        kind, options = declared_network(phases[name]["network"])
        network: Any = kind.outline(**options) or kind.without_weights(**options)
        if batch_norms(network):
            return True
    return False
