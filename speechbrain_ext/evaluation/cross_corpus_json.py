"""cross_corpus.json: the scores of one trained run on other corpora."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.shared_classes import SharedClasses
from speechbrain_ext.evaluation.matrix import SCHEMA, UAR, Cell
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_sealed, write_sealed
from speechbrain_ext.utils.json_fields import UnexpectedField, read_record, write_fields
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.text import decimal, percent

FILE = "cross_corpus.json"
MADE_BY = "./run.sh --stage 4 --stop-stage 4 --targets LIST"
# Fields of a cell that say what was trained: they stand once, under "train".
OF_TRAINING = ("system", "row", "train", "command", "target")


def write_cross_corpus(
    folder: Path, cells: Sequence[Cell], facts: Sequence[CorpusFacts], shared: SharedClasses, edition: str
) -> Path:
    """Write the scores of a run on its targets.

    Arguments
    ---------
    folder : Path
        The seed folder.
    cells : sequence of Cell
        Those of this run that have a score.
    facts : sequence of CorpusFacts
        The corpora of the cells' targets.
    shared : SharedClasses
    edition : str
        What the copies of the corpora trained on are.
    """
    by_name = {each.corpus: each for each in facts}
    first = cells[0]
    train: JsonObject = {
        "corpora": list(first.train),
        "source": by_name[first.target].source,
        "edition": edition,
        "system": first.system,
        "row": first.row,
        "command": first.command or "",
    }
    path = folder / FILE
    write_sealed(
        path, {"schema": SCHEMA, "train": train, "targets": [_target(cell, by_name, shared) for cell in cells]}
    )
    return path


def read_cross_corpus(path: Path) -> tuple[Cell, ...]:
    """Read the scores of a run on its targets.

    Raises
    ------
    UserError
        The file is damaged, of another schema, or not what stage 4 writes.
    """
    record = read_sealed(path, MADE_BY)
    if record.get("schema") != SCHEMA:
        raise UserError(f"{path}: expected schema {SCHEMA}, found {record.get('schema')}: make it again: {MADE_BY}")
    try:
        train = record["train"]
        of_training = {"train": train["corpora"], **{name: train[name] for name in ("system", "row", "command")}}
        targets = [{**one, **of_training, "target": one["corpus"]} for one in record["targets"]]
        return tuple(read_record(Cell, one) for one in targets)
    except (UnexpectedField, KeyError, TypeError) as fault:
        raise UserError(f"{path}: damaged or edited: {fault}: make it again: {MADE_BY}") from None


def _target(cell: Cell, by_name: dict[str, CorpusFacts], shared: SharedClasses) -> JsonObject:
    facts = by_name[cell.target]
    known = {key: value for key, value in write_fields(cell, Cell).items() if key not in OF_TRAINING}
    return {
        "corpus": cell.target,
        "source": facts.source,
        "edition": facts.edition,
        "classes": list(shared.classes),
        "map": dict(shared.merged(cell.target)),
        **({"dimensions": list(shared.dimensions)} if shared.dimensions else {}),
        **known,
    }


def score_line(cell: Cell) -> str:
    """A cell in one line, as stage 4 prints it."""
    trained = "+".join(cell.train)
    uar = cell.score(UAR)
    if not cell.is_scored:
        return f"{trained} -> {cell.target}, {cell.method}: {cell.note}"
    if uar is not None:
        text = f"UAR {uar.text(percent)}, WA {percent(cell.wa)} per cent"
    else:
        scores = ((name, cell.score(name)) for name in cell.ccc or ())
        text = ", ".join(f"CCC of {name} {score.text(decimal)}" for name, score in scores if score)
    remark = "; transductive: uses unlabelled target data" if cell.transductive else ""
    return (
        f"{trained} -> {cell.target}, {cell.system}, {cell.model}, {cell.method}: {text}, "
        f"{cell.n} utterances of {cell.speakers} speakers{remark}"
    )
