"""The mask block: its sizes, its convolution, and its shortcut with and without a stride."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from speechbrain_ext.lobes.mask_block import Convolution, MaskBlock


def test_a_block_takes_every_fourth_place_unless_told_otherwise():
    assert MaskBlock(8)(torch.rand(2, 20, 8)).shape == (2, 5, 8)
    assert MaskBlock(8, stride=1)(torch.rand(2, 20, 8)).shape == (2, 20, 8)


def test_without_a_stride_the_shortcut_is_the_input_itself():
    block = MaskBlock(4, stride=1).eval()
    torch.nn.init.zeros_(block.second.weight)
    x = torch.rand(2, 6, 4)
    torch.testing.assert_close(block(x), x / (1 + 1e-5) ** 0.5)
    weights = {stride: sum(each.numel() for each in MaskBlock(4, stride=stride).parameters()) for stride in (1, 2)}
    assert weights == {1: 2 * 4 * 4 * 7 + 4 * 4, 2: 2 * 4 * 4 * 7 + 4 * 4 + 4 * 4}


@pytest.mark.parametrize("channels", [16, 20])
@pytest.mark.parametrize("stride", [1, 4])
def test_both_ways_to_convolve_are_torch_s_convolution_over_time(channels, stride):
    convolution, x = Convolution(5, channels, kernel=7, stride=stride).double(), torch.randn(3, 21, 5).double()
    expected = nn.functional.conv1d(x.transpose(1, 2), convolution.weight, None, stride, 3).transpose(1, 2)
    found = convolution(x)
    assert found.shape == (3, -(-21 // stride), channels)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    gradients = [torch.autograd.grad((y * weights).sum(), convolution.weight)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients)
