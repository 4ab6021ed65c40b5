"""SD-CAFF: static and dynamic features of speech, fused by attention that crosses both.

Source
------
Dong, Peng and Che, "Dynamic-static cross attentional feature fusion method for speech emotion recognition",
sections 2.2 and 3.4; sizes, head names, `dd_caff` and `ss_caff` as in the authors' public model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.cross_aff import CrossAFF
from speechbrain_ext.lobes.mask_block import check_choice
from speechbrain_ext.lobes.official_state import COUNTER, OfficialState
from speechbrain_ext.lobes.sd_caff_branches import DynamicBranch, StaticBranch
from speechbrain_ext.utils.errors import UserError

VARIANTS = ("full", "cnn", "lstm", "concat", "dd_caff", "ss_caff")
# The outputs, by the names of the authors' linear layers, in which their states are exchanged.
HEADS = {
    "emotion": "integral_fc_emotion",
    "gender": "integral_fc_sex",
    "emotion_center": "integral_fc_emotion_center",
    "gender_center": "integral_fc_sex_center",
}
# The authors' names are ours without the branch.
OFFICIAL = OfficialState(
    "SD-CAFF state",
    "give the state_dict() of one SD_CAFF module, and the flags it was built with",
    dict.fromkeys(("static.", "dynamic.", "fusion."), ""),
    optional=("lambdas", "init_v", COUNTER),
)


class SDCAFF(nn.Module):
    """SD-CAFF and its ablations.

    Arguments
    ---------
    n_classes : int
    variant : str
        `full`; `cnn` and `lstm`, one branch alone (mean over the map; last states and PReLU, without dropout);
        `concat`, both means side by side; `dd_caff`, two LSTMs fused (MFCC pooled to 128 channels, dynamic features
        to 64); `ss_caff`, two CNNs fused (both over the MFCC, the map of the second one folded to half the channels
        and twice the width).
    dynamic_size : int
        Dynamic features a frame, 60 for each part of Table 1's inputs.
    bidirectional : bool
        The paper's LSTM is; the authors' code's is not.
    hidden_size : int
        Units of all directions together.
    pool, activation : str
        See `StaticBranch`.
    center, gender : bool
        Which heads are built beside the emotion's.
    n_genders : int
    static_size : int
        MFCC a frame.
    inner : int
        See `CrossAFF`.
    dropout : float
    shared_relu4 : bool
        `ss_caff` alone: the second CNN's third rectifier is the first one's, as in the authors' code.

    Example
    -------
    >>> outputs = SDCAFF(4)(torch.rand(2, 60, 251), torch.rand(2, 120, 251))
    >>> {name: list(output.shape) for name, output in outputs.items()}
    {'embedding': [2, 192], 'emotion': [2, 4], 'gender': [2, 2], 'emotion_center': [2, 4], 'gender_center': [2, 2]}
    """

    def __init__(
        self,
        n_classes: int,
        variant: str = "full",
        dynamic_size: int = 120,
        bidirectional: bool = True,
        hidden_size: int = 1024,
        pool: str = "after",
        activation: str = "dynamic",
        center: bool = True,
        gender: bool = True,
        n_genders: int = 2,
        static_size: int = 60,
        inner: int = 32,
        dropout: float = 0.1,
        shared_relu4: bool = False,
    ):
        super().__init__()
        self.variant = check_choice("variant", variant, VARIANTS)

        def cnn() -> StaticBranch:
            return StaticBranch(pool, activation, dropout)

        def lstm(size: int, channels: int) -> DynamicBranch:
            return DynamicBranch(size, hidden_size, bidirectional, channels, dropout)

        wide, narrow = StaticBranch.channels, StaticBranch.channels // 2
        self.static = None if variant == "lstm" else lstm(static_size, wide) if variant == "dd_caff" else cnn()
        self.dynamic = None if variant == "cnn" else cnn() if variant == "ss_caff" else lstm(dynamic_size, narrow)
        if variant == "ss_caff" and shared_relu4:
            self.dynamic.relu4 = self.static.relu4
        widths = {"static": getattr(self.static, "channels", 0), "dynamic": getattr(self.dynamic, "channels", 0)}
        if variant == "ss_caff":
            widths["dynamic"] //= 2
        self.fusion = CrossAFF(*widths.values(), inner) if variant in ("full", "dd_caff", "ss_caff") else None
        self.last = nn.PReLU() if variant == "lstm" else None
        self.embedding_size = hidden_size if variant == "lstm" else sum(widths.values())
        for output, (built, size) in {
            "emotion": (True, n_classes),
            "gender": (gender, n_genders),
            "emotion_center": (center, n_classes),
            "gender_center": (center and gender, n_genders),
        }.items():
            if built:
                self.add_module(HEADS[output], nn.Linear(self.embedding_size, size))

    def forward(self, mfcc: Tensor | None, dynamic: Tensor | None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Classify segments of speech.

        Arguments
        ---------
        mfcc : Tensor
            [batch, coefficient, time]; the variant `lstm` does not read it.
        dynamic : Tensor
            [batch, dynamic_size, time]; the variants `cnn` and `ss_caff` do not read it.
        lengths : Tensor, optional
            [batch], valid frames, which the variant `lstm` alone reads; without it all are valid.

        Returns
        -------
        dict
            `embedding` [batch, embedding_size] (192 for `full`), `emotion` [batch, n_classes], and where they are
            built `gender`, `emotion_center` and `gender_center`.
        """
        found = {"embedding": self.embed(mfcc, dynamic, lengths)}
        for output, name in HEADS.items():
            if name in self._modules:
                found[output] = getattr(self, name)(found["embedding"])
        return found

    def embed(self, mfcc: Tensor | None, dynamic: Tensor | None, lengths: Tensor | None = None) -> Tensor:
        """The vector that all heads read, [batch, embedding_size]."""
        if self.last is not None:
            return self.last(self.dynamic.last_states(dynamic, lengths))  # [batch, hidden_size]
        pairs = ((self.static, mfcc), (self.dynamic, mfcc if self.variant == "ss_caff" else dynamic))
        maps = [branch(x) for branch, x in pairs if branch is not None]
        if self.variant == "ss_caff":
            channels, height, width = maps[1].shape[1:]
            maps[1] = maps[1].reshape(-1, channels // 2, height, 2 * width)  # [batch, 64, height, twice the width]
        if self.fusion is not None:
            return self.fusion(*maps)
        return torch.cat([each.mean(dim=(2, 3)) for each in maps], dim=1)  # [batch, channels of all]

    @classmethod
    def from_official(
        cls,
        state_dict: Mapping[str, Tensor],
        *,
        dyrelu: bool | None = None,
        bidirectional: bool | None = None,
        center: bool | None = None,
        gender: bool | None = None,
    ) -> SDCAFF:
        """The model of a state of the authors' module, in its type, in training mode.

        Arguments
        ---------
        state_dict : mapping
            Tensors or arrays by the authors' names. `lambdas`, `init_v` and `num_batches_tracked` may be missing.
        dyrelu, bidirectional, center, gender : bool, optional
            What the module was built with; None: as its state shows.

        Raises
        ------
        UserError
            Naming what is missing, unknown, of another shape, or no tensor of finite floating numbers.
        """
        state = OFFICIAL.read(state_dict)
        model = cls(**_arguments(state, dyrelu, bidirectional, center, gender))
        OFFICIAL.load(model, state)
        return model

    def to_official(self) -> dict[str, Tensor]:
        """The state by the authors' names; the tensors are this model's own, as in `state_dict`.

        Raises
        ------
        UserError
            The model is an ablation.
        """
        if self.variant != "full":
            raise UserError(f"variant: expected full, the one that the authors' names are for, found {self.variant}")
        return OFFICIAL.of(self)


def _arguments(
    state: Mapping[str, Tensor],
    dyrelu: bool | None,
    bidirectional: bool | None,
    center: bool | None,
    gender: bool | None,
) -> dict[str, Any]:
    """The arguments of `SDCAFF` that a state of the authors' module asks for; None: as the state shows."""
    emotion, lstm, sex = "integral_fc_emotion.weight", "lstm.weight_hh_l0", "integral_fc_sex.weight"
    OFFICIAL.matrices(state, [emotion, "lstm.weight_ih_l0", lstm, *([sex] if sex in state else [])])
    rows, units = state[lstm].shape
    if rows != 4 * units:
        raise OFFICIAL.error(f"{lstm}: expected 4 rows a column, found [{rows}, {units}]")

    def shown(asked: bool | None, name: str) -> bool:
        return name in state if asked is None else asked

    bidirectional = shown(bidirectional, "lstm.weight_ih_l0_reverse")
    return {
        "n_classes": state[emotion].shape[0],
        "dynamic_size": state["lstm.weight_ih_l0"].shape[1],
        "hidden_size": units * (2 if bidirectional else 1),
        "bidirectional": bidirectional,
        "activation": "dynamic" if shown(dyrelu, "relu1.fc1.weight") else "relu",
        "center": shown(center, "integral_fc_emotion_center.weight"),
        "gender": shown(gender, sex),
        "n_genders": state[sex].shape[0] if sex in state else 2,
        "pool": "before",
    }
