"""The contract of a network: what a system's network must offer, and what it may offer.

The Brain, the phases, the checks before stage 1 and inference use these members and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor, nn

from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.errors import UserError


class Network(Protocol):
    """A network of a system; all but the call has a default, which `BaseNetwork` inherits.

    Attributes
    ----------
    vectors : tuple of str
        Keys of what the call returns that are kept with the embedding of a tested utterance, each [batch, feature].
    min_batch_size : int
        Items that a training batch needs: a smaller last batch of an epoch is left out.
    trains_on_dimensions : bool
        Whether the logits may be values of dimensions (valence, activation, dominance) in place of classes.
    mask_feature : str or None
        Name of the feature whose silence the network masks. A network that names one is a `MaskingNetwork`.
    """

    vectors: ClassVar[tuple[str, ...]] = ()
    min_batch_size: ClassVar[int] = 1
    trains_on_dimensions: ClassVar[bool] = True
    mask_feature: ClassVar[str | None] = None

    def __call__(self, features: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Classify a batch.

        Arguments
        ---------
        features : mapping
            By feature name: [batch, time, feature] for frames, [batch, feature] for embeddings.
        lengths : mapping
            By feature name: [batch], whole numbers of real frames, for features that have frames. SpeechBrain's
            relative lengths between 0 and 1 are refused.

        Returns
        -------
        dict
            `logits` [batch, class or dimension] and `embedding` [batch, feature]. A network that a later phase builds
            on also returns `frames` [batch, time, feature] and `frame_lengths` [batch]; a loss of the system's own
            may read further keys. The first dimension of every tensor is the batch, which adaptation cuts in two.
        """

    def fit_statistics(self, frames: Callable[[str], Iterable[np.ndarray]]) -> None:
        """Fit buffers to the training set, before the first epoch.

        Arguments
        ---------
        frames : callable
            From a feature's name to the frames [time, feature] of each training utterance.
        """

    @classmethod
    def check_resources(cls, **options: Any) -> None:
        """Refuse, before any feature is computed, what a training with these options lacks.

        Raises
        ------
        UserError
            Saying what to install or to type.
        """

    @classmethod
    def without_weights(cls, **options: Any) -> Network:
        """Build a network that a checkpoint is loaded into: nothing pretrained is fetched or read."""

    @classmethod
    def outline(cls, **options: Any) -> Network | None:
        """Build the network without memory for weights if it starts from a pretrained model; else None."""
        return None

    @classmethod
    def masks_silence(cls, **options: Any) -> bool:
        """Whether a network with these options masks the silence of `mask_feature`."""
        return False


class MaskingNetwork(Network, Protocol):
    """A network that masks silence: what the figure of its masks needs.

    Attributes
    ----------
    variant : str
    max_samples : int
        Samples that the network sees of a segment.
    """

    variant: str
    max_samples: int

    def eval(self) -> MaskingNetwork:
        """Switch to evaluation mode, as `nn.Module` does."""

    def stages(self, x: Tensor, lengths: Tensor, masked: bool) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Activations after each stage, with masks or without.

        Arguments
        ---------
        x : Tensor
            [batch, samples, 2], `mask_feature` and its mask, which is 0 in silence.
        lengths : Tensor
            [batch], real samples.
        masked : bool

        Yields
        ------
        Tensor, Tensor or None
            Activations [batch, place, channel] and their mask [batch, place], which is None without masks.
        """


class BaseNetwork(nn.Module, Network):
    """A network that, by the defaults of the contract, fits nothing, fetches nothing and masks nothing."""

    @classmethod
    def without_weights(cls, **options: Any) -> BaseNetwork:
        """Build it as for training."""
        return cls(**options)


MEMBERS = tuple(name for name in {**Network.__annotations__, **vars(Network)} if not name.startswith("_"))


def check_network(network: Any) -> None:
    """Refuse a network, or a class of networks, that lacks a member of the contract.

    Raises
    ------
    UserError
        Naming what is missing.

    Example
    -------
    >>> check_network(BaseNetwork())
    >>> check_network(nn.Linear(1, 1))
    Traceback (most recent call last):
    speechbrain_ext.utils.errors.UserError: network Linear: expected the members of speechbrain_ext.lobes.network.\
Network, found no vectors, min_batch_size, trains_on_dimensions, mask_feature, fit_statistics, check_resources, \
without_weights, outline, masks_silence: derive it from BaseNetwork
    """
    if missing := [name for name in MEMBERS if not hasattr(network, name)]:
        kind = network if isinstance(network, type) else type(network)
        raise UserError(
            f"network {kind.__name__}: expected the members of {__name__}.Network, "
            f"found no {', '.join(missing)}: derive it from BaseNetwork"
        )


def declared_network(make: Any) -> tuple[type[BaseNetwork], dict[str, Any]]:
    """Class and options of a network that a system's YAML declares as `network: !name:<class>`.

    Raises
    ------
    UserError
        It is no class, or the class lacks a member of the contract.
    """
    kind, options = declared(make)
    if not isinstance(kind, type):
        raise UserError(f"network: expected a class after !name:, found {getattr(kind, '__name__', kind)!r}")
    check_network(kind)
    return kind, options
