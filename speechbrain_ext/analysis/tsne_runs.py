"""Panels of the t-SNE figure from the folders of scored runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.analysis.tsne_figure import Panel, coordinates
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.vectors import EMBEDDING, MAKE_VECTORS, NAME, Vectors, read_vectors
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import check_sha256
from speechbrain_ext.utils.json_values import JsonObject

ALL_FOLDS = "all"
# What two pictures in one figure must share.
SAME = ("corpus", "source", "edition", "target")
# How the variant with co-attention of another one is named, and what else a fair pair of them shares.
WITH = "_coatt"
SHARED = ("preset", "dev", "selection", "fold_seed", "manifest_sha256", "folds_sha256")


def named_kinds(folder: str | Path) -> list[str]:
    """Names of the vectors that a run's network has besides its embedding; none for a run that kept no vectors."""
    path = Path(folder) / NAME
    return [name for name in read_vectors(path).kinds if name != EMBEDDING] if path.exists() else []


def counterpart(folder: str | Path) -> Path | None:
    """Find the run that differs by co-attention alone, or nothing: same system, protocol, seed, folds and keys.

    Arguments
    ---------
    folder : str or Path
        The seed folder of a scored run; the other one is in the folder of another row of the same system.
    """
    folder = Path(folder)
    own = _variant(read_results(folder / "results.json"))
    for path in sorted(folder.parents[2].glob(f"*/{folder.parent.name}/{folder.name}/results.json")):
        other = _variant(read_results(path))
        differ_by_it = own[0] + WITH == other[0] or own[0] == other[0] + WITH
        if own[0] and other[0] and differ_by_it and own[1:] == other[1:]:
            return path.parent
    return None


def has_coattention(results: Results) -> bool:
    """Whether the variant of a scored run is named as one with co-attention."""
    return _variant(results)[0].endswith(WITH)


def _variant(results: Results) -> tuple[str, JsonObject, list[Any]]:
    """The variant of a run, its other hyper-parameters, and what else its counterpart shares."""
    keys = dict(results.hparams) if isinstance(results.hparams, Mapping) else {}
    variant = str(keys.pop("variant", ""))
    return variant, keys, [*(getattr(results, key) for key in SHARED), [fold.name for fold in results.folds]]


def run_panels(folders: Sequence[str | Path], kinds: Sequence[str] = (), fold: str = "") -> list[list[Panel]]:
    """Lay out the vectors of one run, kinds side by side, or of several runs: a column each, a row a kind.

    Arguments
    ---------
    folders : sequence of str or Path
        Seed folders, exp/.../seed-<n>.
    kinds : sequence of str
        Names of vectors; by default those that all the runs' networks name, or else their embeddings.
    fold : str
        Whose tested utterances; by default those of each run's first fold, "all" for all folds.

    Raises
    ------
    UserError
        A run is not scored or has no such vectors or fold, it recognises something else than the first run,
        or it has too few utterances.
    """
    runs = [_read(Path(folder)) for folder in folders]
    for folder, (results, _) in zip(folders, runs, strict=True):
        for key in SAME:
            if getattr(results, key) != getattr(runs[0][0], key):
                words = "classes" if key == "target" else key
                raise UserError(
                    f"{folder}: expected the {words} of {folders[0]}, found others: "
                    "draw runs on one corpus and its classes"
                )
    common = [name for name in runs[0][1].kinds if all(name in vectors.kinds for _, vectors in runs)]
    kinds = list(kinds) or [name for name in common if name != EMBEDDING] or [EMBEDDING]
    rows = [
        [_panel(folder, results, vectors, kind, fold) for folder, (results, vectors) in zip(folders, runs, strict=True)]
        for kind in kinds
    ]
    return rows if len(runs) > 1 else [[row[0] for row in rows]]


def _read(folder: Path) -> tuple[Results, Vectors]:
    results = read_results(folder / "results.json")
    if results.has_dimensions:
        raise UserError(f"{folder}: expected a run on classes, found one on dimensions: name another folder with --run")
    if sha256 := (results.files or {}).get(NAME):
        check_sha256(folder / NAME, sha256, MAKE_VECTORS)
    return results, read_vectors(folder / NAME)


def _panel(folder: str | Path, results: Results, vectors: Vectors, kind: str, fold: str) -> Panel:
    if kind not in vectors.kinds:
        known = ", ".join(vectors.kinds) or "none"
        raise UserError(f"{folder}: --vectors {kind}: expected vectors that this run has, found {known}: name these")
    folds = [one.name for one in results.folds]
    fold = fold or folds[0]
    if fold not in (*folds, ALL_FOLDS):
        raise UserError(f"{folder}: --fold {fold}: expected one of {', '.join(folds)} or {ALL_FOLDS}")
    chosen = vectors if fold == ALL_FOLDS else vectors.of_fold(fold)
    try:
        points = coordinates(chosen.kinds[kind])
    except UserError as fault:
        raise UserError(f"{folder}: fold {fold}: {kind}: {fault}") from None
    return Panel(results, kind, fold, points, chosen.labels)
