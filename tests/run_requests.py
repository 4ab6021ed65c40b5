"""What stages 1 to 3 are asked for, from words of a command line."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser
from speechbrain_ext.bin.requests import stage_request
from speechbrain_ext.training.run_request import RunRequest


def request_of(words: Sequence[str]) -> RunRequest:
    """The request that a stage's command makes of its options."""
    return stage_request(command_parser("train", None).parse([str(word) for word in words]))
