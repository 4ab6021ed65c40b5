"""A paper's table as a file: rows with the settings that train them and the numbers that the paper prints.

`recipes/<CORPUS>/tables/<system>_table5.yaml` is the table `<system>/5`; `<system>_figure6.yaml` is `<system>/figure6`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from speechbrain_ext import hparams
from speechbrain_ext.corpora.task import TASK_KEYS
from speechbrain_ext.preparation.names import PROTOCOLS
from speechbrain_ext.training.printed_scores import check_keys, folds_of, fraction, printed, recalls_of
from speechbrain_ext.training.table_names import table_files
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.nearest import suggestion
from speechbrain_ext.utils.yaml_tree import plain, read

KEYS = ("title", "source", "system", "figure", "note", "rows")
SOURCE_KEYS = ("paper", "table")
ROW_KEYS = ("name", "system", "variant", "protocol", "overrides", "paper")
PAPER_KEYS = ("wa", "uar", "folds", "recalls")
FIGURES = ("scores", "confusion")
# Ends the name of the row that --shuffled-row adds.
SHUFFLED = ", shuffled labels"
# A table's `source: paper:` begins so where no paper prints its rows.
OWN_SOURCE = "this repository"


@dataclass(frozen=True)
class TableRow:
    """A row of a paper's table.

    Attributes
    ----------
    name, folder : str
        The row's name in print; the name of its folder below `exp/`.
    system, variant, protocol : str
        What is trained, and on which folds the paper tests.
    words : tuple of str
        Variant and overrides as they are typed after `--`.
    overrides : dict
        The row's own hyper-parameters.
    paper_wa, paper_uar : float or None
        The paper's numbers as fractions.
    of_paper : bool
        Whether the row's settings are a paper's; False in a table of this repository's own.
    """

    name: str
    folder: str
    system: str
    variant: str
    protocol: str
    words: tuple[str, ...]
    overrides: dict[str, Any]
    paper_wa: float | None
    paper_uar: float | None
    of_paper: bool = True


@dataclass(frozen=True)
class Table:
    """A table or swept figure of a paper.

    Attributes
    ----------
    note : str
        Where the paper contradicts itself or its number is not what it seems; printed below the table.
    paper_folds : mapping
        By row and fold, the paper's WA and UAR as fractions, None where a number is not known.
    """

    path: Path
    id: str
    title: str
    paper: str
    number: str
    system: str
    figure: str
    rows: tuple[TableRow, ...]
    note: str = ""
    paper_folds: Mapping[str, Mapping[str, tuple[float | None, float | None]]] = field(default_factory=dict)
    paper_recalls: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def printed_number(self) -> str:
        """Such as "Table 5" or "Figure 6"."""
        return f"Table {self.number}" if self.number.isdigit() else self.number

    def row(self, name: str) -> TableRow:
        """A row by its name.

        Raises
        ------
        UsageError
            There is no such row.
        """
        for row in (*self.rows, self.shuffled_row):
            if row.name == name:
                return row
        raise UsageError(f"--row {name}: {suggestion(name, [row.name for row in self.rows], f'rows of {self.id}')}")

    @property
    def shuffled_row(self) -> TableRow:
        """The last row, trained on shuffled labels: no row of the paper, and none of the table unless asked for."""
        last = self.rows[-1]
        return replace(
            last,
            name=f"{last.name}{SHUFFLED}",
            folder=f"{last.folder}-shuffled-labels",
            words=(*last.words, "--shuffle_labels", "true"),
            overrides={**last.overrides, "shuffle_labels": True},
            paper_wa=None,
            paper_uar=None,
            of_paper=False,
        )

    def with_shuffled_row(self) -> Table:
        """The table with the row of shuffled labels as its last one."""
        return replace(self, rows=(*self.rows, self.shuffled_row))

    def paper_of(self, row: TableRow) -> JsonObject | None:
        """What results.json says of the paper; None where it prints no number for the row."""
        if row.paper_wa is None and row.paper_uar is None:
            return None
        scores = {"wa": row.paper_wa, "uar": row.paper_uar}
        return {"table": self.number, "row": row.name, **scores, "protocol": row.protocol}


def load_table(recipe: str | Path, identity: str) -> Table:
    """Read a table of a recipe and check every row against the system that it names.

    Arguments
    ---------
    recipe : str or Path
        `recipes/<CORPUS>`.
    identity : str
        `<system>/<number>`, such as amsnet/5 or amsnet/figure6.

    Returns
    -------
    Table

    Raises
    ------
    UsageError
        There is no such table; the nearest is named.
    UserError
        The file has an unknown key, variant, protocol or override; file and row are named.
    """
    files = table_files(recipe)
    if identity not in files:
        raise UsageError(f"--table {identity}: {suggestion(identity, list(files), f'tables of {Path(recipe).name}')}")
    path = files[identity]
    tree = plain(read(path))
    check_keys(tree, KEYS, str(path), optional=("figure", "note"))
    source = tree["source"] if isinstance(tree["source"], dict) else {}
    check_keys(source, SOURCE_KEYS, f"{path}: source")
    system, figure = tree["system"], tree.get("figure", FIGURES[0])
    if system != identity.split("/")[0]:
        raise UserError(f"{path}: system: expected {identity.split('/')[0]} as in the file's name, found {system!r}")
    if figure not in FIGURES:
        raise UserError(f"{path}: figure: expected one of {', '.join(FIGURES)}, found {figure!r}")
    if not isinstance(tree["rows"], list) or not tree["rows"]:
        raise UserError(f"{path}: rows: expected a list of rows, found {tree['rows']!r}")
    prefix, of_paper = path.stem.removeprefix(f"{system}_"), not str(source["paper"]).startswith(OWN_SOURCE)
    rows = [_row(Path(recipe), path, prefix, system, node, of_paper) for node in tree["rows"]]
    for which in ("name", "folder"):
        names = [getattr(row, which) for row in rows]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise UserError(f"{path}: row {repeated[0]}: this {which} stands twice: give each row a name of its own")
    return Table(
        path,
        identity,
        str(tree["title"]),
        str(source["paper"]),
        str(source["table"]),
        system,
        figure,
        tuple(rows),
        str(tree.get("note", "")),
        printed(path, tree["rows"], "folds", folds_of),
        printed(path, tree["rows"], "recalls", recalls_of),
    )


def words_of(table: Table, row: TableRow, user: Sequence[str]) -> tuple[str, ...]:
    """The row's overrides and the user's, as they are typed after `--`.

    Where rows are of several systems, a key of the user goes to the rows whose system has it.

    Raises
    ------
    UsageError
        The user sets what the row itself sets, or a key that no system of the table has.
    """
    asked = hparams.parse_overrides(list(user))
    for key in asked:
        if key == "variant" or key in row.overrides:
            raise UsageError(f"--{key}: row {row.name} of --table {table.id} sets it itself: leave it out")
    systems = dict.fromkeys(other.system for other in table.rows)
    if len(systems) == 1 or not asked:
        return (*row.words, *user)
    recipe = table.path.parent.parent
    # Only their keys are read, nothing is built: whether their code is trusted is asked before a run.
    known = {name: hparams.load_system(recipe, name, trust=True).tree.keys() | TASK_KEYS for name in systems}
    for key in asked:
        if not any(key in keys for keys in known.values()):
            raise UsageError(f"--{key}: {suggestion(key, sorted(set().union(*known.values())), 'keys')}")
    pairs = [[f"--{key}", _word(value)] for key, value in asked.items() if key in known[row.system]]
    return (*row.words, *(word for pair in pairs for word in pair))


def _row(recipe: Path, path: Path, prefix: str, table_system: str, node: Any, of_paper: bool) -> TableRow:
    name = str(node.get("name", "without a name")) if isinstance(node, dict) else repr(node)
    where = f"{path}: row {name}"
    check_keys(node, ROW_KEYS, where, optional=("system",))
    system, variant, protocol = node.get("system", table_system), node["variant"], node["protocol"]
    if protocol not in PROTOCOLS:
        raise UserError(f"{where}: protocol {protocol}: {suggestion(str(protocol), PROTOCOLS, 'protocols')}")
    overrides = node["overrides"] or {}
    if not isinstance(overrides, dict) or "variant" in overrides:
        raise UserError(f"{where}: overrides: expected keys with values, without variant, found {overrides!r}")
    words = ["--variant", str(variant)]
    for key, value in overrides.items():
        words += [f"--{key}", _word(value)]
    try:
        # Nothing is built here: whether the system's code is trusted is asked before a run.
        loaded = hparams.load_system(recipe, str(system), hparams.parse_overrides(words), trust=True)
        if loaded.plain()["variant"] != variant:
            raise UserError(f"variant: expected a name, found {variant!r}")
    except UserError as fault:
        raise UserError(f"{where}: {fault}") from None
    folder = f"{prefix}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}"
    paper = node["paper"]
    if paper is not None:
        check_keys(paper, PAPER_KEYS, f"{where}: paper", optional=("folds", "recalls"))
    wa, uar = (fraction(paper[key], f"{where}: paper: {key}") if paper else None for key in ("wa", "uar"))
    return TableRow(name, folder, system, str(variant), protocol, tuple(words), overrides, wa, uar, of_paper)


def _word(value: Any) -> str:
    """A value as one word of the command line, which reads back as the same value."""
    if isinstance(value, str):
        try:
            if YAML().load(value) == value:
                return value
        except (YAMLError, ValueError, RecursionError):
            pass
    return json.dumps(value)
