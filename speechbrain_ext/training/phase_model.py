"""PhaseModel: the network of a phase with what belongs to its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from speechbrain_ext.lobes.checks import refuse_relative
from speechbrain_ext.lobes.network import Network, check_network
from speechbrain_ext.lobes.normalization import ValueScale


class PhaseModel(nn.Module):
    """A network with the normalisation of its features in front of it.

    Arguments
    ---------
    network : Network
        See `speechbrain_ext.lobes.network`.
    normalizers : mapping
        By feature name, the module that normalises [batch, time, feature].
    scale : ValueScale or None
        Units of the values, where dimensions are predicted: kept here so that a checkpoint carries it.
    criterion : nn.Module or None
        A loss with parameters, such as centers: kept here for the same reason.

    Raises
    ------
    UserError
        The network lacks a member of the contract.
    """

    network: Network
    scale: ValueScale | None
    criterion: nn.Module | None

    def __init__(
        self,
        network: Network,
        normalizers: Mapping[str, nn.Module],
        scale: ValueScale | None = None,
        criterion: nn.Module | None = None,
    ) -> None:
        super().__init__()
        check_network(network)
        self.network = network
        self.normalizers = nn.ModuleDict(normalizers)
        self.scale = scale
        self.criterion = criterion

    def forward(
        self,
        features: Mapping[str, torch.Tensor],
        lengths: Mapping[str, torch.Tensor],
        augment: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> dict[str, torch.Tensor]:
        """Normalise, augment frames where asked to, and run the network."""
        for name in features.keys() & lengths.keys():
            refuse_relative(name, features[name], lengths[name])
        normalised = {
            name: self.normalizers[name](tensor) if name in self.normalizers else tensor
            for name, tensor in features.items()
        }
        if augment is not None:
            normalised = {
                name: augment(tensor, lengths[name]) if name in lengths else tensor
                for name, tensor in normalised.items()
            }
        return self.network(normalised, lengths)
