"""SD-CAFF: static and dynamic features of speech, fused by attention that crosses both.

Source
------
Dong, Peng and Che, "Dynamic-static cross attentional feature fusion method for speech emotion recognition",
sections 2.2 and 3.4; sizes, head names, `dd_caff` and `ss_caff` as in the authors' public model.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.checks import check_choice, check_lengths
from speechbrain_ext.lobes.cross_aff import CrossAFF
from speechbrain_ext.lobes.dynamic_relu import DynamicReLU
from speechbrain_ext.lobes.official_state import COUNTER, OfficialState
from speechbrain_ext.utils.errors import UserError

POOLS = ("before", "after")
ACTIVATIONS = ("dynamic", "relu")
# The third convolution has no number 3 in the authors' model, and a state is exchanged by these names.
STAGES = {1: (1, 8), 2: (8, 32), 4: (32, 64), 5: (64, 96), 6: (96, 128)}
# The third to fifth stage pool; a pool before one's convolution follows the rectifier of the stage before it.
POOLED, BEFORE_POOLED = (4, 5, 6), (2, 4, 5)
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


class StaticBranch(nn.Module):
    """Five stages of 3 x 3 convolution, batch norm and rectifier, three of them with a 2 x 2 max-pooling.

    Arguments
    ---------
    pool : str
        Where stages 3 to 5 pool: `after` their convolution and before their norm (the paper: convolution, pooling,
        batch norm, rectifier), or `before` their convolution (the authors' code). Both end in the same size.
    activation : str
        `dynamic` (DY-ReLU-B) or `relu`.
    dropout : float
        On the last map.

    Example
    -------
    >>> StaticBranch()(torch.rand(2, 251, 60)).shape
    torch.Size([2, 128, 7, 31])
    """

    channels = 128

    def __init__(self, pool: str = "after", activation: str = "dynamic", dropout: float = 0.1):
        super().__init__()
        self.pool = check_choice("pool", pool, POOLS)
        dynamic = check_choice("activation", activation, ACTIVATIONS) == "dynamic"
        for stage, (n_in, n_out) in STAGES.items():
            self.add_module(f"conv{stage}", nn.Conv2d(n_in, n_out, 3, padding=0 if stage == 1 else 1))
            self.add_module(f"bn{stage}", nn.BatchNorm2d(n_out))
            self.add_module(f"relu{stage}", DynamicReLU(n_out) if dynamic else nn.ReLU())
        self.dropout = nn.Dropout(dropout)

    def forward(self, mfcc: Tensor) -> Tensor:
        """[batch, time, coefficient], at least 10 of each -> [batch, 128, height, width]; 251 x 60 becomes 7 x 31."""
        if mfcc.dim() != 3 or min(mfcc.shape[1:]) < 10:
            raise ValueError(f"expected MFCC [batch, time, coefficient], at least 10 x 10, found {list(mfcc.shape)}")
        x = mfcc.transpose(1, 2).unsqueeze(1)  # [batch, 1, coefficient, time]
        for stage in STAGES:
            x = getattr(self, f"conv{stage}")(x)  # [batch, more channels, height, width]
            norm, rectifier = getattr(self, f"bn{stage}"), getattr(self, f"relu{stage}")
            if self.pool == "after" and stage in POOLED:
                x = nn.functional.max_pool2d(x, 2)  # [batch, channel, half height, half width]
            pool = self.pool == "before" and stage in BEFORE_POOLED
            if isinstance(rectifier, DynamicReLU):
                x = rectifier.after_norm(x, norm, pool)  # [batch, channel, half height, half width]
            else:
                x = rectifier(norm(x))
                x = nn.functional.max_pool2d(x, 2) if pool else x  # [batch, channel, half height, half width]
        return self.dropout(x)


class DynamicBranch(nn.Module):
    """An LSTM whose outputs, at every frame, are averaged in groups of neighbouring units.

    Arguments
    ---------
    input_size : int
        Features a frame: 60 for each of MFCC, delta and delta-delta.
    hidden_size : int
        Units of all directions together.
    bidirectional : bool
    channels : int
        Groups that the units are averaged in.
    dropout : float
        On the LSTM's outputs.

    Example
    -------
    >>> DynamicBranch(120, bidirectional=True)(torch.rand(2, 11, 120)).shape
    torch.Size([2, 64, 1, 11])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 1024,
        bidirectional: bool = False,
        channels: int = 64,
        dropout: float = 0.1,
    ):
        super().__init__()
        if hidden_size < 1 or hidden_size % (2 if bidirectional else 1):
            raise ValueError(f"hidden_size: expected units of all directions together, found {hidden_size}")
        self.channels, self.hidden_size = channels, hidden_size
        units = hidden_size // 2 if bidirectional else hidden_size
        self.lstm = nn.LSTM(input_size, units, batch_first=True, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)

    def forward(self, dynamic: Tensor) -> Tensor:
        """[batch, time, feature] -> [batch, channel, 1, time]."""
        self._check(dynamic)
        x = self.dropout(self.lstm(dynamic)[0])  # [batch, time, hidden_size]
        if x.shape[2] % self.channels == 0:
            x = x.unflatten(2, (self.channels, -1)).mean(3)  # [batch, time, channel]
        else:
            x = nn.functional.adaptive_avg_pool1d(x, self.channels)  # [batch, time, channel]
        return x.transpose(1, 2).unsqueeze(2)  # [batch, channel, 1, time]

    def last_states(self, dynamic: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Each direction's output at the frame that it reads last, without dropout.

        Arguments
        ---------
        dynamic : Tensor
            [batch, time, feature].
        lengths : Tensor, optional
            [batch], valid frames. The forward direction ends at the last valid frame, the backward one starts
            there and ends at the first frame.

        Returns
        -------
        Tensor
            [batch, hidden_size].
        """
        self._check(dynamic)
        x = dynamic
        if lengths is not None:
            counts = check_lengths("dynamic features", x, lengths, least=1).cpu()
            if bool((counts < x.shape[1]).any()):
                x = nn.utils.rnn.pack_padded_sequence(x, counts, batch_first=True, enforce_sorted=False)
        states = self.lstm(x)[1][0]  # [direction, batch, unit]
        return states.transpose(0, 1).flatten(1)  # [batch, hidden_size]

    def _check(self, dynamic: Tensor) -> None:
        if dynamic.dim() != 3 or dynamic.shape[2] != self.lstm.input_size:
            raise ValueError(
                f"expected dynamic features [batch, time, {self.lstm.input_size}], found {list(dynamic.shape)}"
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
        Dynamic features of a frame: 60 for each of MFCC, deltas and deltas of deltas (Table 1).
    bidirectional : bool
        The paper's LSTM is; the authors' code's is not.
    hidden_size : int
        Units of all directions together.
    pool, activation : str
        See `StaticBranch`.
    center, gender : bool
        Whether center heads and gender heads are built.
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
    >>> outputs = SDCAFF(4)(torch.rand(2, 251, 60), torch.rand(2, 251, 120))
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
            [batch, time, static_size]; the variant `lstm` does not read it.
        dynamic : Tensor
            [batch, time, dynamic_size]; the variants `cnn` and `ss_caff` do not read it.
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
) -> dict[str, int | str]:
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
