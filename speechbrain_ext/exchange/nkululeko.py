"""The CSV that nkululeko reads: `file,speaker,gender,emotion,fold`; its LOGO evaluation takes the folds from it.

Source: nkululeko, data/dataset_csv.py and models/model.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.table import scan_table
from speechbrain_ext.exchange.given import (
    GENDER_WORDS,
    Given,
    csv_text,
    fold_of_each,
    seconds_text,
    used_utterances,
)
from speechbrain_ext.preparation.folds import Fold, Folds
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_text


def export_nkululeko(
    path: str | Path, utterances: Sequence[Utterance], folds: Folds | None, root: str | Path
) -> list[str]:
    """Write a corpus as nkululeko's CSV.

    Arguments
    ---------
    path : str or Path
        The CSV to write.
    utterances : sequence of Utterance
        Of the manifest.
    folds : Folds or None
        Each utterance tested once and trained on in all other folds.
    root : str or Path
        The corpus's folder; files are named absolutely, as nkululeko's setting `absolute_path` has it.

    Returns
    -------
    list of str
        What the user should know.

    Raises
    ------
    UserError
        One column cannot hold these folds, or there is nothing to write.
    """
    used = used_utterances(utterances, folds)
    fold_of = fold_of_each(folds.folds) if folds else None
    if folds and fold_of is None:
        raise UserError(
            "nkululeko's column fold names the fold that tests an utterance, all others train: "
            f"{folds.protocol} with dev {folds.dev} is not of that kind: "
            "export --protocol random5, speaker or session with --dev none"
        )
    place = ["file"] if all(item.start_s is None and item.end_s is None for item in used) else ["file", "start", "end"]
    some_vad = any(item.vad is not None for item in used)
    columns = [*place, "speaker", "gender", "emotion", *(DIMENSIONS if some_vad else ()), *(["fold"] if folds else [])]
    # nkululeko's name for activation
    header = ["arousal" if name == "activation" else name for name in columns]
    rows = [_cells(item, os.path.abspath(root), (fold_of or {}).get(item.id, "")) for item in used]
    write_text(path, csv_text(header, rows))
    settings = f"[DATA] databases = ['x'], x = {path}, x.type = csv, x.absolute_path = True"
    return [f"settings of nkululeko: {settings}" + ("; [MODEL] logo = " + str(len(folds.folds)) if folds else "")]


def import_nkululeko(path: str | Path) -> Given:
    """Read nkululeko's CSV, and the folds that its column fold names.

    Arguments
    ---------
    path : str or Path
        The CSV.

    Returns
    -------
    Given
        An utterance's id is its file's name if that is unique, else the path.

    Raises
    ------
    UserError
        The file is no such CSV.
    CorpusFaults
        Some lines are wrong; all of them are reported.
    """
    path, notes = Path(path), list[str]()
    utterances = scan_table(path, path.stem, notes)
    stems = {item.id: PurePosixPath(item.wav).stem for item in utterances}
    if len(set(stems.values())) == len(utterances) and all(item.start_s is None for item in utterances):
        for item in utterances:
            item.id = stems[item.id]
    utterances.sort(key=lambda item: item.id)
    names = sorted(
        {item.extra["fold"] for item in utterances if "fold" in item.extra}, key=lambda name: (len(name), name)
    )
    folds = [_fold(name, utterances) for name in names] if len(names) > 1 else []
    return Given(path.stem, utterances, folds, notes)


def _fold(name: str, utterances: Sequence[Utterance]) -> Fold:
    test = tuple(item.id for item in utterances if item.extra.get("fold") == name)
    return Fold(name, tuple(item.id for item in utterances if item.extra.get("fold") != name), (), test)


def _cells(item: Utterance, root: str, fold: str) -> dict[str, str | None]:
    valence, activation, dominance = item.vad or (None, None, None)
    return {
        "file": (Path(root) / item.wav).as_posix(),
        "start": seconds_text(item.start_s or 0.0),
        "end": seconds_text(item.end_s),
        "speaker": item.speaker,
        "gender": GENDER_WORDS[item.gender],
        "emotion": item.label,
        "valence": seconds_text(valence),
        "arousal": seconds_text(activation),
        "dominance": seconds_text(dominance),
        "fold": fold,
    }
