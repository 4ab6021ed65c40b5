"""Labels dealt out at random among training utterances: what a system learns from them is chance, or a leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.utils.files import sha256_bytes

LABELS = ("label", "intended", "votes", "vad")


def shuffle_labels(utterances: Sequence[Utterance], seed: int) -> list[Utterance]:
    """Give each utterance the labels, votes and values of another one of the same utterances.

    Arguments
    ---------
    utterances : sequence of Utterance
        The training part, in the order of ids. Its labels keep their numbers.
    seed : int
        Another one deals them out in another way; the order comes from SHA-256.

    Returns
    -------
    list of Utterance
        Copies, in the same order.
    """
    dealt = sorted(utterances, key=lambda item: sha256_bytes(f"{seed}:shuffled:{item.id}".encode()))
    return [
        replace(item, **{name: getattr(other, name) for name in LABELS})
        for item, other in zip(utterances, dealt, strict=True)
    ]
