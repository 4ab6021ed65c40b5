"""The mask block: its sizes, and its shortcut with and without a stride."""

from __future__ import annotations

import torch

from speechbrain_ext.lobes.mask_block import MaskBlock


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
