"""Settings of a run that differ from the paper's preset, for runs and for kept results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from speechbrain_ext import hparams
from speechbrain_ext.evaluation.facts import Difference, Differences
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.targets import Classes
from speechbrain_ext.training.paper_tables import TableRow, load_table
from speechbrain_ext.training.table_names import table_files
from speechbrain_ext.utils.json_values import JsonObject, JsonValue

# n_classes follows from the classes; the others are lists of names that a variant or a preset chooses from.
NOT_SETTINGS = {"n_classes", "presets", "variants", *hparams.NEUTRAL}


def settings(hp: hparams.Hparams, protocol: str, preset: str) -> JsonObject:
    """Collect all that decides the scores of a run: preset, protocol, task and hyper-parameters.

    Arguments
    ---------
    hp : Hparams
    protocol, preset : str

    Returns
    -------
    settings : dict
    """
    tree = {key: value for key, value in hp.tree.items() if key not in NOT_SETTINGS}
    return {"preset": preset, "protocol": protocol, **hp.task.to_dict(), **tree}


def differing(paper: Mapping[str, JsonValue], here: Mapping[str, JsonValue]) -> Differences:
    """List the settings that differ; of two `settings`, only keys of both are compared.

    Example
    -------
    >>> found = differing({"epochs": 200, "phases": {"a": 1}}, {"epochs": 1, "phases": {"a": 2}})
    >>> found["epochs"], list(found)
    (Difference(paper=200, here=1), ['epochs', 'phases.a'])
    """
    return {key: Difference(before, now) for key, before, now in _pairs(paper, here, "") if before != now}


def paper_preset(
    recipe: str | Path, system: str, row: TableRow | None, labels: Sequence[str]
) -> tuple[hparams.Hparams, str]:
    """Load the paper's own settings of a run, and the paper's protocol.

    Arguments
    ---------
    recipe : str or Path
        `recipes/<CORPUS>`.
    system : str
        A name that `--system` takes.
    row : TableRow or None
        The row of a table that the run is of; the overrides of a paper's row are the paper's.
    labels : sequence of str
        Labels of the corpus, which are the classes where the recipe names none.
    """
    if row is None or not row.of_paper:
        paper = hparams.load_system(recipe, system, labels=labels)
        return paper, paper.protocol
    return hparams.load_system(recipe, system, hparams.parse_overrides(list(row.words)), labels=labels), row.protocol


class KeptDeviations:
    """Differing settings of the kept results of a recipe; the tables are read once, and only if they are needed.

    Arguments
    ---------
    recipe : str or Path
        `recipes/<CORPUS>`.
    """

    def __init__(self, recipe: str | Path) -> None:
        self.recipe = Path(recipe)

    @cached_property
    def rows(self) -> list[TableRow]:
        """All rows of all tables of the recipe."""
        return [row for identity in table_files(self.recipe) for row in load_table(self.recipe, identity).rows]

    def of(self, results: Results) -> Differences:
        """Give the differing settings of a kept result.

        One that does not name them is compared by its hyper-parameters with the preset `paper` as it is now; there are
        none where it has no hyper-parameters or the recipe has no such system.
        """
        if results.differs_from_paper is not None:
            return results.differs_from_paper
        here = results.hparams
        is_recipe = (self.recipe / "corpus.yaml").is_file()
        if not isinstance(here, Mapping) or not is_recipe or results.system not in hparams.list_systems(self.recipe):
            return {}
        classes = {"classes": list(results.target.names)} if isinstance(results.target, Classes) else {}
        paper, protocol = paper_preset(self.recipe, results.system, self._row(results), classes.get("classes", ()))
        keys = {key: value for key, value in paper.plain().items() if key not in NOT_SETTINGS}
        known = {"preset": results.preset, "protocol": results.protocol, **classes, **(results.task or {})}
        return differing(
            {"preset": hparams.PAPER, "protocol": protocol, **paper.task.to_dict(), **keys}, {**known, **here}
        )

    def _row(self, results: Results) -> TableRow | None:
        # A preset and a tag follow the row's own name.
        found = (
            row for row in self.rows if row.system == results.system and f"{results.row}.".startswith(f"{row.folder}.")
        )
        return next(found, None)


def _pairs(
    paper: Mapping[str, JsonValue], here: Mapping[str, JsonValue], before: str
) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    for key, value in paper.items():
        if key not in here or key in hparams.NEUTRAL:
            continue
        now = here[key]
        if isinstance(value, Mapping) and isinstance(now, Mapping):
            yield from _pairs(value, now, f"{before}{key}.")
        else:
            yield f"{before}{key}", _as_list(value), _as_list(now)


def _as_list(value: JsonValue) -> JsonValue:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
