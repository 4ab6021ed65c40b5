"""Draws t-SNE of what trained networks make of the tested utterances: the CA-MSER paper's figure 2 from real runs."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the figure from the vectors that stage 3 kept; no network is run."""
    asked = command_parser("tsne", __doc__, ("run", "out")).parse(argv)
    from speechbrain_ext.analysis.draw_tsne import TsneRequest, draw_tsne

    draw_tsne(TsneRequest(tuple(asked.run), tuple(asked.out), tuple(asked.vectors or ()), asked.fold))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
