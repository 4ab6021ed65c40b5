"""AlexNet's convolutions on a spectrogram image; the classifier above them is not built."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from speechbrain_ext.features.ca_mser.image import DEVIATION as STD
from speechbrain_ext.features.ca_mser.image import MEAN
from speechbrain_ext.utils.errors import UserError

OUTPUT_SIZE = 256 * 6 * 6
TORCHVISION = "'torchvision>=0.23,<1'"
TYPE = "type: -- --alexnet_weights random (or imagenet, or a file of torchvision's weights)"


class AlexNetFeatures(nn.Module):
    """Five convolutions and a mean over 6 x 6 fields, with torchvision's names and shapes.

    Three equal channels are one: given as [batch, 1, height, width], the first convolution's weights
    are summed over the channels, which costs a third and is the same but for rounding.

    Arguments
    ---------
    alexnet_weights : str
        "random"; "imagenet": through torchvision; or a file of weights in torchvision's names.
    normalise_gray : bool
        A one-channel image has values from 0 to 1, and ImageNet's normalisation of its three
        copies is done within the first convolution. The zeros around the image are zeros
        after that normalisation, as with the three channels.

    Source
    ------
    Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks"; CA-MSER
    (Zou et al., ICASSP 2022), section 2.2.

    Example
    -------
    >>> net = AlexNetFeatures()
    >>> net(torch.rand(2, 3, 64, 64)).shape, net(torch.rand(2, 1, 64, 64)).shape
    (torch.Size([2, 9216]), torch.Size([2, 9216]))
    """

    def __init__(self, alexnet_weights: str = "random", normalise_gray: bool = False) -> None:
        super().__init__()
        self.normalise_gray = normalise_gray
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.pool = nn.AdaptiveAvgPool2d(6)
        if alexnet_weights != "random":
            self.load_torchvision(torchvision_weights(alexnet_weights), alexnet_weights)

    def forward(self, image: Tensor) -> Tensor:
        """Give the features [batch, 9216] of images [batch, 3 or 1, height, width]."""
        if image.dim() != 4 or image.shape[1] not in (1, 3):
            raise ValueError(f"spectrogram: expected [batch, 3 or 1, height, width], found {list(image.shape)}")
        x = self.features[0](image) if image.shape[1] == 3 else self._gray(image)
        return self.pool(self.features[1:](x)).flatten(1)  # [batch, 9216]

    def _gray(self, image: Tensor) -> Tensor:
        """The first convolution on three equal channels, given as one."""
        first = self.features[0]
        place = {"stride": first.stride, "padding": first.padding}
        if not self.normalise_gray:
            return nn.functional.conv2d(image, first.weight.sum(1, keepdim=True), first.bias, **place)
        mean, std = (first.weight.new_tensor(value).view(1, 3, 1, 1) for value in (MEAN, STD))
        scaled = first.weight / std
        # What is subtracted differs at the border, where fewer weights meet the image, hence a map.
        shift = nn.functional.conv2d(
            torch.ones_like(image[:1]), (scaled * mean).sum(1, keepdim=True), None, **place
        )  # [1, 64, height, width]
        return nn.functional.conv2d(image, scaled.sum(1, keepdim=True), first.bias, **place) - shift

    def load_torchvision(self, state: Mapping[str, Tensor], source: str = "given") -> None:
        """Take the convolutions' weights from a state with torchvision's names; its classifier is left aside.

        Raises
        ------
        UserError
            The state lacks a weight or holds one of another shape.
        """
        for name, own in self.features.state_dict().items():
            found = state.get(f"features.{name}")
            if not isinstance(found, Tensor) or found.shape != own.shape:
                what = list(found.shape) if isinstance(found, Tensor) else "none"
                raise UserError(
                    f"alexnet_weights {source}: expected features.{name} of shape {list(own.shape)}, "
                    f"found {what}: {TYPE}"
                )
            if not found.is_floating_point() or not bool(torch.isfinite(found).all()):
                raise UserError(
                    f"alexnet_weights {source}: features.{name}: expected finite floating numbers, found others: {TYPE}"
                )
            own.copy_(found)


def check_weights(source: str) -> None:
    """Refuse weights that are out of reach: torchvision is not installed, or there is no such file.

    Raises
    ------
    UserError
        Saying what to install or to type.
    """
    if source == "imagenet" and importlib.util.find_spec("torchvision") is None:
        raise UserError(
            "alexnet_weights imagenet: expected torchvision, which fetches them, found none: "
            f"pip install {TORCHVISION}, or {TYPE}"
        )
    if source not in ("imagenet", "random") and not Path(source).expanduser().is_file():
        raise UserError(f"alexnet_weights {source}: expected random, imagenet or a file, found no such file: {TYPE}")


def torchvision_weights(source: str) -> Mapping[str, Tensor]:
    """The state of torchvision's AlexNet: "imagenet" through torchvision itself, or a file.

    Raises
    ------
    UserError
        torchvision is not there or cannot fetch them, or there is no such file, or it cannot be read.
    """
    check_weights(source)
    if source != "imagenet":
        return _from_file(source)
    from torchvision.models import AlexNet_Weights

    try:
        return AlexNet_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as fault:
        # Faults of network and disk have no common kind.
        text = (str(fault).strip() or "no reason given").splitlines()[0]
        raise UserError(
            f"alexnet_weights imagenet: torchvision cannot fetch them ({type(fault).__name__}: {text}): {TYPE}"
        ) from None


def _from_file(source: str) -> Mapping[str, Tensor]:
    try:
        state = torch.load(Path(source).expanduser(), map_location="cpu", weights_only=True)
    except Exception as fault:
        # What breaks in a damaged or foreign file is any of many kinds.
        text = (str(fault).strip() or "no reason given").splitlines()[0]
        raise UserError(f"alexnet_weights {source}: cannot be read ({type(fault).__name__}: {text}): {TYPE}") from None
    if not isinstance(state, Mapping):
        raise UserError(f"alexnet_weights {source}: expected weights by name, found {type(state).__name__}: {TYPE}")
    return state
