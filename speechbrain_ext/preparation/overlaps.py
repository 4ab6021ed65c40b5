"""What two corpora share: the same audio is refused, the same names of speakers and sentences are declared."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.corpora.data_folder import first_of
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.utils.errors import UserError


def corpus_overlaps(source: Sequence[Utterance], target: Sequence[Utterance]) -> tuple[str, ...]:
    """Find what is in two corpora, one of which is trained on and the other tested on.

    Arguments
    ---------
    source, target : sequence of Utterance
        All utterances of each, measured.

    Returns
    -------
    tuple of str
        What must be declared, in words; empty where nothing is shared.

    Raises
    ------
    UserError
        Some audio is in both, sample for sample; the first pairs are named.
    """
    names = source[0].corpus, target[0].corpus
    by_hash = {item.sha256: item for item in source if item.sha256 is not None}
    pairs = [(by_hash[item.sha256].id, item.id) for item in target if item.sha256 in by_hash]
    if pairs:
        shown = first_of([f"{one} = {other}" for one, other in pairs])
        raise UserError(
            f"{names[0]} and {names[1]}: {len(pairs)} utterances have the same audio ({shown}): a model would be "
            "tested on what it was trained on: leave one of the corpora out"
        )
    found = []
    for what, field, remark in (
        ("names of speakers", "speaker", "taken as different people: leave one corpus out if they are the same"),
        ("sentence codes", "text_id", "the same sentence only where both corpora code it so"),
    ):
        ours, theirs = ({getattr(item, field) for item in items} - {None} for items in (source, target))
        if both := sorted(ours & theirs):
            found.append(f"{len(both)} {what} are in both ({first_of(both)}): {remark}")
    unhashed = sum(item.sha256 is None for item in (*source, *target))
    if unhashed:
        found.append(f"same audio: unknown for {unhashed} utterances, whose audio was not read")
    return tuple(found)
