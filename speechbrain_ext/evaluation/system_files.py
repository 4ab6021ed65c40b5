"""Systems to compare, read from run folders, kept results, and predictions that someone else made."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.evaluation.annotations import manifest_of, speaker_genders, votes_by_utterance
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results_files import predictions_path, read_results
from speechbrain_ext.evaluation.statistics import System
from speechbrain_ext.evaluation.system_checks import check_ids, check_once, check_same
from speechbrain_ext.evaluation.targets import Classes, Prediction, Target, target_of
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.nearest import suggestion
from speechbrain_ext.utils.regular_file import NotRegularFile, read_regular

FORMS = (
    "a run folder .../seed-<n>, a folder of several such, a kept result (.json or .csv), or a CSV with the columns "
    "id,prediction and if known p_<class> of each class, or id and predicted_<dimension> of each dimension"
)


# Columns of someone else's values: this and the name of the dimension.
PREDICTED = "predicted_"


@dataclass(frozen=True)
class Systems:
    """Systems on the same utterances, and what else is known of these.

    Attributes
    ----------
    systems : tuple of System
    genders : mapping
        "F" or "M" of each speaker of whom it is known.
    votes : mapping
        By utterance the votes of each annotator [annotator][class], in the order of the first system's classes; empty
        for dimensions.
    notes : tuple of str
        What differs between the results although it should not, one sentence each.
    """

    systems: tuple[System, ...]
    genders: Mapping[str, str]
    votes: Mapping[str, Sequence[Sequence[float]]]
    notes: tuple[str, ...] = ()


def read_systems(paths: Sequence[Path]) -> Systems:
    """Read systems, and check that they can be compared.

    Arguments
    ---------
    paths : sequence of Path
        At least two, see `FORMS`.

    Raises
    ------
    UserError
        A path is nothing of this kind, or the systems differ in utterances, classes, labels or speakers, have an
        utterance twice, or one speaker only.
    """
    read = [_read(path) for path in paths]
    known = [(path, found) for path, found in zip(paths, read, strict=True) if isinstance(found, _Known)]
    if not known:
        raise UserError(
            f"{paths[0]} and {paths[-1]}: expected labels and speakers in one of them, found predictions only: "
            "name a run folder or a kept result too"
        )
    reference_path, reference = known[0]
    systems = []
    for path, found in zip(paths, read, strict=True):
        system = found.system if isinstance(found, _Known) else _with_labels(path, found, reference.system)
        systems.append(_as_reference(path, system, reference_path, reference.system))
    speakers = {row.speaker for row in reference.system.seeds[0]}
    if len(speakers) < 2:
        raise UserError(
            f"{reference_path}: expected at least two speakers, found {', '.join(speakers)} alone: speakers are what "
            "is compared: name results of several"
        )
    results = [found.results for _, found in known if found.results]
    utterances = next(filter(None, (found.utterances for _, found in known)), ())
    first = results[0] if results else None
    genders = speaker_genders(reference.system.seeds[0], first, utterances)
    target = reference.system.target
    votes = votes_by_utterance(utterances, first, target.names) if isinstance(target, Classes) else {}
    return Systems(tuple(systems), genders, votes, tuple(_notes(results)))


@dataclass(frozen=True)
class _Known:
    """A system with labels and speakers; its first result and manifest, where they are at hand."""

    system: System
    results: Results | None
    utterances: Sequence[Utterance] = ()


def _read(path: Path) -> _Known | list[dict[str, str]]:
    """Read a system; of someone else's CSV its cells."""
    if path.is_dir():
        seeds = [path] if (path / "results.json").exists() else sorted(path.glob("seed-*"), key=_seed_number)
        files = [folder / "results.json" for folder in seeds if (folder / "results.json").exists()]
        if not files:
            raise UserError(f"{path}: expected {FORMS}, found a folder without results.json: run stage 3 first")
        return _of_results(path, files)
    if path.suffix == ".json":
        return _of_results(path, [path])
    if path.suffix != ".csv":
        state = "another file" if path.exists() else "nothing there"
        raise UserError(f"{path}: expected {FORMS}, found {state}: check the name")
    if path.with_suffix(".json").exists():
        return _of_results(path, [path.with_suffix(".json")])
    head, rows = _read_table(path)
    if target_of(head) is None:
        return _foreign_rows(path, head, rows)
    predictions, target = read_predictions(path)
    return _Known(_system(path, path.stem, [(predictions, target)]), None)


def _of_results(path: Path, files: Sequence[Path]) -> _Known:
    results = [read_results(file) for file in files]
    first = results[0]
    seeds = ", ".join(str(one.seed) for one in results)
    name = f"{first.run_name} ({first.protocol_name}, seed{'s' if len(results) > 1 else ''} {seeds})"
    system = _system(path, name, [read_predictions(predictions_path(file)) for file in files])
    return _Known(replace(system, temperatures=first.temperatures), first, manifest_of(files[0], first))


def _system(path: Path, name: str, seeds: Sequence[tuple[list[Prediction], Target]]) -> System:
    targets = [target for _, target in seeds]
    if any(target != targets[0] for target in targets):
        raise UserError(f"{path}: expected the same {what_of(targets[0])} in each seed, found others: run them again")
    system = System(name, targets[0], tuple(tuple(sorted(rows, key=lambda row: row.id)) for rows, _ in seeds))
    for rows in system.seeds:
        check_once(path, [row.id for row in rows])
        check_same(path, rows, path, system.seeds[0])
    return system


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        table = list(csv.reader(io.StringIO(read_regular(path).decode("utf-8-sig"), newline="")))
    except FileNotFoundError:
        raise UserError(f"{path}: expected {FORMS}, found nothing there: check the name") from None
    except (UnicodeDecodeError, csv.Error, NotRegularFile) as fault:
        raise UserError(f"{path}: expected a CSV in UTF-8, found another file ({fault}): write it again") from None
    return (table[0] if table else []), [row for row in table[1:] if row]


def _foreign_rows(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    values = [name for name in head if name.startswith(PREDICTED)]
    known = ["id", *(values or ["prediction", *(name for name in head if name.startswith("p_"))])]
    if sorted(head) != sorted(set(known)):
        raise UserError(
            f"{path}: expected the columns id,prediction and if known p_<class> of each class, or id and "
            f"{PREDICTED}<dimension> of each dimension, found {','.join(head)}: name them so"
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise UserError(f"{path} line {number}: expected {len(head)} cells, found {len(row)}: mend this line")
    if not rows:
        raise UserError(f"{path}: expected predictions, found the line of columns alone: write one line an utterance")
    found = [dict(zip(head, row, strict=True)) for row in rows]
    check_once(path, [row["id"] for row in found])
    return found


def _with_labels(path: Path, rows: Sequence[Mapping[str, str]], other: System) -> System:
    """Complete someone else's predictions with the labels and speakers of another system."""
    known = {row.id: row for row in other.seeds[0]}
    check_ids(path, {row["id"] for row in rows}, known)
    if not isinstance(other.target, Classes):
        return _with_values(path, rows, other, known)
    if "prediction" not in rows[0]:
        raise UserError(
            f"{path}: expected the column prediction, as the other side has classes, found values of dimensions: "
            "compare results of one kind"
        )
    columns = [f"p_{name}" for name in other.target.names]
    given = [name for name in rows[0] if name.startswith("p_")]
    if given and sorted(given) != sorted(columns):
        raise UserError(
            f"{path}: expected the columns {','.join(columns)}, found {','.join(given)}: name each class once"
        )
    completed = []
    for row in rows:
        if row["prediction"] not in other.target.names:
            hint = suggestion(row["prediction"], other.target.names, "classes")
            names = ", ".join(other.target.names)
            raise UserError(f"{path}: {row['id']}: expected one of {names}, found {row['prediction']!r}: {hint}")
        try:
            posteriors = tuple(float(row[name]) for name in columns) if given else ()
        except ValueError:
            posteriors = (math.nan,)
        if not all(0 <= value <= 1 for value in posteriors):
            raise UserError(f"{path}: {row['id']}: expected posteriors between 0 and 1, found others: mend this line")
        completed.append(replace(known[row["id"]], prediction=row["prediction"], posteriors=posteriors))
    return System(path.name, other.target, (tuple(sorted(completed, key=lambda row: row.id)),))


def _with_values(
    path: Path, rows: Sequence[Mapping[str, str]], other: System, known: Mapping[str, Prediction]
) -> System:
    """Complete someone else's predicted values with the true ones and the speakers of another system."""
    columns, given = [f"{PREDICTED}{name}" for name in other.target.names], [name for name in rows[0] if name != "id"]
    if sorted(given) != sorted(columns):
        raise UserError(
            f"{path}: expected the columns id,{','.join(columns)}, found id,{','.join(given)}: name each dimension once"
        )
    completed = []
    for row in rows:
        try:
            predicted = tuple(float(row[name]) for name in columns)
        except ValueError:
            predicted = (math.nan,)
        if not all(map(math.isfinite, predicted)):
            raise UserError(f"{path}: {row['id']}: expected finite values, found others: mend this line")
        completed.append(replace(known[row["id"]], predicted=predicted))
    return System(path.name, other.target, (tuple(sorted(completed, key=lambda row: row.id)),))


def what_of(target: Target) -> str:
    """What a target's names are: "classes" or "dimensions"."""
    return "classes" if isinstance(target, Classes) else "dimensions"


def _as_reference(path: Path, system: System, other_path: Path, other: System) -> System:
    """Check a system against the reference, and put its classes in the reference's order."""
    own, known = system.target, other.target
    if type(own) is not type(known) or set(own.names) != set(known.names):
        raise UserError(
            f"{path}: expected the {what_of(known)} {', '.join(known.names)} of {other_path}, found the "
            f"{what_of(own)} {', '.join(own.names)}: compare results on the same {what_of(known)}"
        )
    places = [own.names.index(name) for name in known.names]
    seeds = tuple(tuple(_reordered(row, places) for row in rows) for rows in system.seeds)
    check_same(path, seeds[0], other_path, other.seeds[0])
    return replace(system, target=known, seeds=seeds)


def _reordered(row: Prediction, places: Sequence[int]) -> Prediction:
    """A prediction with its posteriors, or its values, in another order."""
    posteriors, values, predicted = (
        tuple(part[place] for place in places) if part else () for part in (row.posteriors, row.values, row.predicted)
    )
    return replace(row, posteriors=posteriors, values=values, predicted=predicted)


def _seed_number(folder: Path) -> tuple[int, str]:
    number = folder.name.removeprefix("seed-")
    return (int(number) if number.isdigit() else 0, number)


def _notes(results: Sequence[Results]) -> list[str]:
    """Say in what the results differ that should be alike when systems are compared."""
    found = []
    for name, what in (("edition", "the edition"), ("protocol", "the protocol"), ("folds_sha256", "the folds")):
        if len({getattr(one, name) for one in results}) > 1:
            found.append(f"The results differ in {what}: what is compared is not the systems alone.")
    return found
