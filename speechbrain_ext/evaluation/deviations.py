"""Settings of a run that differ from the paper's preset, for runs and for kept results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from speechbrain_ext import hparams
from speechbrain_ext.training.paper_tables import TableRow, load_table, table_files

KEY = "differs_from_paper"
MARK = "‡"
EXPLANATION = f"{MARK}: settings differ from the preset paper; no paper's number is compared with such a row."
# n_classes follows from the classes; the others are lists of names that a variant or a preset chooses from.
NOT_SETTINGS = {"n_classes", "presets", "variants", *hparams.NEUTRAL}


def settings(hp: hparams.Hparams, protocol: str, preset: str) -> dict[str, Any]:
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


def differing(paper: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """List the settings that differ, each with both values.

    Arguments
    ---------
    paper, here : mapping
        As `settings` gives them; only keys of both are compared.

    Returns
    -------
    differs : dict
        Key to {"paper": value, "here": value}; a key inside a mapping is written with dots.

    Example
    -------
    >>> differing({"epochs": 200, "phases": {"a": 1}}, {"epochs": 1, "phases": {"a": 2}})
    {'epochs': {'paper': 200, 'here': 1}, 'phases.a': {'paper': 1, 'here': 2}}
    """
    return {key: {"paper": before, "here": now} for key, before, now in _pairs(paper, here, "") if before != now}


def phrases(results: Mapping[str, Any]) -> list[str]:
    """Write the differing settings of a result, one phrase each; empty where there are none.

    Example
    -------
    >>> phrases({"differs_from_paper": {"epochs": {"paper": 200, "here": 1}}}), phrases({})
    (['epochs: 200 -> 1'], [])
    """
    return [f"{key}: {_text(pair['paper'])} -> {_text(pair['here'])}" for key, pair in (results.get(KEY) or {}).items()]


def sentence(results: Mapping[str, Any]) -> str:
    """Write the differing settings as a warning; empty where there are none.

    Example
    -------
    >>> sentence({"differs_from_paper": {"lr": {"paper": 0.1, "here": 0.2}}})
    "settings: not the preset paper (key: its value -> this run's value): lr: 0.1 -> 0.2"
    """
    found = phrases(results)
    told = "; ".join(found)
    return f"settings: not the preset paper (key: its value -> this run's value): {told}" if found else ""


def marked(name: str, results: Mapping[str, Any]) -> str:
    """Mark a row's name where its settings differ from the paper's preset.

    Example
    -------
    >>> marked("short", {"differs_from_paper": {"lr": {"paper": 0.1, "here": 0.2}}}), marked("default", {})
    ('short ‡', 'default')
    """
    return f"{name} {MARK}" if results.get(KEY) else name


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
    words = list(row.words) if row is not None and row.of_paper else []
    paper = hparams.load(recipe, system, hparams.parse_overrides(words), labels=labels)
    return paper, row.protocol if words else paper.protocol


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

    def of(self, results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Give the differing settings of a kept result.

        Arguments
        ---------
        results : mapping
            The content of results.json. One without the key "differs_from_paper" is compared by its plain
            hyper-parameters with the preset `paper` as it is now.

        Returns
        -------
        differs : dict
            As `differing` gives them; empty where the result has no hyper-parameters or the recipe has no such system.
        """
        if KEY in results:
            return results[KEY]
        here = results.get("hparams")
        if not isinstance(here, Mapping) or results["system"] not in hparams.list_systems(self.recipe):
            return {}
        classes = {"classes": results["classes"]} if "classes" in results else {}
        paper, protocol = paper_preset(self.recipe, results["system"], self._row(results), classes.get("classes", ()))
        keys = {key: value for key, value in paper.plain().items() if key not in NOT_SETTINGS}
        known = {"preset": results["preset"], "protocol": results["protocol"], **classes, **results.get("task", {})}
        return differing({"preset": hparams.PAPER, "protocol": protocol, **paper.task.to_dict(), **keys}, known | here)

    def _row(self, results: Mapping[str, Any]) -> TableRow | None:
        # A preset and a tag stand behind the row's own name.
        found = (
            row
            for row in self.rows
            if row.system == results["system"] and f"{results['row']}.".startswith(f"{row.folder}.")
        )
        return next(found, None)


def _pairs(paper: Mapping[str, Any], here: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any, Any]]:
    for key, value in paper.items():
        if key not in here or key in hparams.NEUTRAL:
            continue
        if isinstance(value, Mapping) and isinstance(here[key], Mapping):
            yield from _pairs(value, here[key], f"{before}{key}.")
        else:
            yield f"{before}{key}", _as_list(value), _as_list(here[key])


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _text(value: Any) -> str:
    """A value as YAML prints it: a word stands without quotes."""
    if isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value)
