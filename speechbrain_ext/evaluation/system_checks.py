"""What keeps predictions from being compared utterance by utterance, each in one clear message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.utils.errors import UserError

IDS_NAMED = 3


def check_same(path: Path, rows: Sequence[Prediction], other_path: Path, others: Sequence[Prediction]) -> None:
    """Refuse predictions of other utterances, labels, true values or speakers than another system's."""
    known = {row.id: row for row in others}
    check_ids(path, {row.id for row in rows}, known)
    for row in rows:
        for field, what in (("label", "label"), ("speaker", "speaker"), ("values", "true values")):
            found, expected = getattr(row, field), getattr(known[row.id], field)
            if found != expected:
                shown = (", ".join(map(str, one)) if isinstance(one, tuple) else one for one in (expected, found))
                expected, found = shown
                raise UserError(
                    f"{path}: {row.id}: expected the {what} {expected} as in {other_path}, found {found}: compare "
                    "results on the same labels of the same corpus"
                )


def check_ids(path: Path, found: set[str], known: Collection[str]) -> None:
    """Refuse a set of utterances that is not the other side's; the first ids and their number are named."""
    missing, more = sorted(set(known) - found), sorted(found - set(known))
    if missing or more:
        parts = [
            f"{len(ids)} {what}, such as {_some(ids)}"
            for what, ids in (("missing", missing), ("too many", more))
            if ids
        ]
        raise UserError(
            f"{path}: expected the same {len(known)} utterances as the other side, found {'; '.join(parts)}: compare "
            "results of the same utterances"
        )


def check_once(path: Path, ids: Sequence[str]) -> None:
    """Refuse an utterance that occurs twice."""
    twice = [identity for identity, count in Counter(ids).items() if count > 1]
    if twice:
        raise UserError(
            f"{path}: expected each utterance once, found {len(twice)} several times, such as {_some(sorted(twice))}: "
            "keep one prediction of each"
        )


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:IDS_NAMED])
