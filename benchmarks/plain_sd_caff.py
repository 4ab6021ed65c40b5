"""SD-CAFF composed plainly, as its public model is: the other side of `sd_caff_step.py`, and a check of it.

The dynamic ReLU permutes the map, computes both lines side by side and takes their maximum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PlainDynamicReLU(nn.Module):
    """DY-ReLU-B in the order of its formula."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.fc1 = nn.Linear(channels, channels // 4)
        self.fc2 = nn.Linear(channels // 4, 4 * channels)
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channel, ...] -> the same."""
        t = 2 * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.flatten(2).mean(2))))) - 1  # [batch, 4 * channel]
        t = t.view(-1, self.channels, 4) * self.lambdas + self.init_v  # [batch, channel, 4]
        places = list(range(2, x.dim()))
        lines = x.permute(*places, 0, 1).unsqueeze(-1) * t[..., :2] + t[..., 2:]  # [..., batch, channel, 2]
        back = [len(places), len(places) + 1, *range(len(places))]
        return lines.max(-1)[0].permute(*back)  # [batch, channel, ...]


class PlainSDCAFF(nn.Module):
    """The complete model from layers of PyTorch, with pooling before the convolutions."""

    def __init__(self, bidirectional: bool = False, dyrelu: bool = True, center: bool = True, gender: bool = True):
        super().__init__()
        for stage, (n_in, n_out) in {1: (1, 8), 2: (8, 32), 4: (32, 64), 5: (64, 96), 6: (96, 128)}.items():
            self.add_module(f"conv{stage}", nn.Conv2d(n_in, n_out, 3, padding=0 if stage == 1 else 1))
            self.add_module(f"bn{stage}", nn.BatchNorm2d(n_out))
            self.add_module(f"relu{stage}", PlainDynamicReLU(n_out) if dyrelu else nn.ReLU())
        self.lstm = nn.LSTM(180, 512 if bidirectional else 1024, batch_first=True, bidirectional=bidirectional)
        self.static_local_att = nn.Sequential(*self._attention(128, 128))
        self.static_global_att = nn.Sequential(nn.AdaptiveAvgPool2d(1), *self._attention(128, 64))
        self.dynamic_local_att = nn.Sequential(*self._attention(64, 64))
        self.dynamic_global_att = nn.Sequential(nn.AdaptiveAvgPool2d(1), *self._attention(64, 128))
        self.pool, self.units, self.dropout = nn.MaxPool2d(2), nn.AdaptiveAvgPool1d(64), nn.Dropout(0.1)
        self.integral_fc_emotion = nn.Linear(192, 4)
        self.integral_fc_sex = nn.Linear(192, 2) if gender else None
        self.integral_fc_emotion_center = nn.Linear(192, 4) if center else None
        self.integral_fc_sex_center = nn.Linear(192, 2) if center and gender else None

    @staticmethod
    def _attention(channels: int, out_channels: int) -> list[nn.Module]:
        first, last = nn.Conv2d(channels, 32, 1), nn.Conv2d(32, out_channels, 1)
        return [first, nn.BatchNorm2d(32), nn.ReLU(), last, nn.BatchNorm2d(out_channels)]

    def forward(self, mfcc: Tensor, dynamic: Tensor) -> dict[str, Tensor]:
        """[batch, time, 60] and [batch, time, 180] -> the outputs of `SDCAFF`."""
        x = mfcc.transpose(1, 2).unsqueeze(1)  # [batch, 1, 60, time]
        for stage in (1, 2, 4, 5, 6):
            x = self.pool(x) if stage > 2 else x
            x = getattr(self, f"bn{stage}")(getattr(self, f"conv{stage}")(x))
            x = getattr(self, f"relu{stage}")(x)  # [batch, channel, height, width]
        x = self.dropout(x)
        y = self.dropout(self.lstm(dynamic)[0])  # [batch, time, 1024]
        y = self.units(y).transpose(1, 2).unsqueeze(2)  # [batch, 64, 1, time]
        weight_x = torch.sigmoid(self.static_local_att(x) + self.dynamic_global_att(y))
        weight_y = torch.sigmoid(self.dynamic_local_att(y) + self.static_global_att(x))
        fused = torch.cat([(x * weight_x).mean((2, 3)), (y * weight_y).mean((2, 3))], 1)  # [batch, 192]
        heads = {
            "emotion": self.integral_fc_emotion,
            "gender": self.integral_fc_sex,
            "emotion_center": self.integral_fc_emotion_center,
            "gender_center": self.integral_fc_sex_center,
        }
        return {"embedding": fused} | {name: head(fused) for name, head in heads.items() if head is not None}
