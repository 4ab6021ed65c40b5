"""Draws what a trained mask residual network makes of silence: the AM-ResNet paper's figure 4 from a real utterance."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the figure and print the share of zeros in silence by stage of the network."""
    asked = command_parser("mask_figure", __doc__, ("run", "out")).parse(argv)
    from speechbrain_ext.analysis.draw_masks import MaskRequest, draw_masks

    draw_masks(MaskRequest(asked.run[-1], tuple(asked.out), asked.utterance, asked.fold, asked.cache, asked.trust))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
