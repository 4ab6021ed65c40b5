"""The joint loss of SD-CAFF: cross-entropy and center loss, of the emotion and of the gender."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from speechbrain_ext.losses.center import CenterLoss

CENTER_GRADIENTS = ("plain", "effective", "official")
# The authors' lr_cent, which is also the paper's.
OFFICIAL_CENTER_RATE = 0.1


class JointCenterLoss(nn.Module):
    """mu (CE_e + lambda C_e) + (1 - mu) (CE_g + lambda C_g); what is not built is left out.

    Arguments
    ---------
    n_classes : int
    n_genders : int
    mu : float
        The emotion's share; it stays where there is no gender.
    lambda_ : float
        Weight of the center losses.
    center : bool
        Whether there are center losses, on the outputs of the center heads.
    gender : bool
        Whether gender is a second task.
    center_gradient : str
        What the centers' gradient is multiplied by. `plain`: nothing. `effective`: 1 / its weight in the total, mu
        lambda or (1 - mu) lambda, so that an SGD of the centers has the effective rate that it is given. `official`:
        0.1 / (lambda * learning rate) for the emotion's centers alone, as in the authors' code; the learning rate is
        the present one, see `follow_rate`. Adam undoes it.

    Source: Dong, Peng and Che, SD-CAFF, equation 8.

    Example
    -------
    >>> loss = JointCenterLoss(4, center=False)
    >>> outputs = {"emotion": torch.zeros(2, 4), "gender": torch.zeros(2, 2)}
    >>> total, parts = loss(outputs, torch.tensor([0, 3]), torch.tensor([1, -1]))
    >>> {name: round(part.item(), 4) for name, part in parts.items()}
    {'ce_emotion': 1.3863, 'ce_gender': 0.6931}
    >>> round(total.item(), 4)
    1.1784
    """

    def __init__(
        self,
        n_classes: int,
        n_genders: int = 2,
        mu: float = 0.7,
        lambda_: float = 0.15,
        center: bool = True,
        gender: bool = True,
        center_gradient: str = "plain",
    ):
        super().__init__()
        if not 0 <= mu <= 1 or lambda_ < 0:
            raise ValueError(f"expected mu from 0 to 1 and lambda at least 0, found {mu} and {lambda_}")
        if center_gradient not in CENTER_GRADIENTS:
            known = ", ".join(CENTER_GRADIENTS)
            raise ValueError(f"center_gradient: expected one of {known}, found {center_gradient!r}")
        self.mu, self.lambda_, self.gender = float(mu), float(lambda_), bool(gender)
        self.center_gradient = center_gradient
        self.center_emotion = CenterLoss(n_classes, n_classes) if center else None
        self.center_gender = CenterLoss(n_genders, n_genders) if center and gender else None
        if center_gradient == "effective":
            for loss, share in ((self.center_emotion, self.mu), (self.center_gender, 1 - self.mu)):
                # Without weight in the total there is no gradient to scale.
                if loss is not None and share * self.lambda_ > 0:
                    loss.gradient_scale = 1 / (share * self.lambda_)

    def follow_rate(self, rate: float) -> None:
        """Take the learning rate of the next step, which the factor of `official` depends on."""
        if self.center_gradient == "official" and self.center_emotion is not None and rate * self.lambda_ > 0:
            self.center_emotion.gradient_scale = OFFICIAL_CENTER_RATE / (self.lambda_ * rate)

    def centers(self) -> list[nn.Parameter]:
        """The centers, for an optimiser of their own."""
        return [loss.centers for loss in (self.center_emotion, self.center_gender) if loss is not None]

    def forward(
        self, outputs: Mapping[str, Tensor], emotion: Tensor, gender: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        Arguments
        ---------
        outputs : mapping
            What `SDCAFF` returns: `emotion`, and where they are built `gender`, `emotion_center`, `gender_center`.
        emotion : Tensor
            [batch] class indices, or [batch, n_classes] shares.
        gender : Tensor, optional
            [batch] indices; -1 where it is unknown, which does not enter the gender's terms.

        Returns
        -------
        total : Tensor
            A scalar.
        parts : dict
            `ce_emotion`, `center_emotion`, `ce_gender`, `center_gender`, scalars, as far as they are built.
        """
        parts = {"ce_emotion": cross_entropy(outputs["emotion"], emotion)}
        if self.center_emotion is not None:
            parts["center_emotion"] = self.center_emotion(outputs["emotion_center"], emotion)
        if self.gender:
            if gender is None:
                raise ValueError("gender: expected indices [batch], as gender is a second task, found none")
            known = gender >= 0
            summed = cross_entropy(outputs["gender"], gender, ignore_index=-1, reduction="sum")
            parts["ce_gender"] = summed / known.sum().clamp(min=1)
            if self.center_gender is not None:
                parts["center_gender"] = self.center_gender(outputs["gender_center"], gender)
        total = torch.zeros_like(parts["ce_emotion"])
        for name, part in parts.items():
            share = self.mu if name.endswith("emotion") else 1 - self.mu
            total = total + share * (self.lambda_ if name.startswith("center") else 1.0) * part
        return total, parts
