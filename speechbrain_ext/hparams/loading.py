"""Reading a system with a recipe's values, a preset and the user's overrides; every key is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora.task import TASK_KEYS, Task
from speechbrain_ext.hparams.recipe_files import read_recipe
from speechbrain_ext.hparams.system import Hparams
from speechbrain_ext.hparams.system_checks import check_references, check_values, declarations
from speechbrain_ext.hparams.training import COMMON_DEFAULTS, training_defaults
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.json_values import JsonObject, JsonValue
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.yaml_safety import refuse_objects
from speechbrain_ext.utils.yaml_tree import merge, plain

# Parts of a system's YAML that are no hyper-parameters: an override cannot change them.
FIXED = ("variants", "presets", "types", "mini")
PAPER = "paper"
# Keys of a recipe's file of a system that are neither of the task nor of the system.
RECIPE_KEYS = ("protocol", "paper", "mini", "presets")


def load_system(
    recipe: str | Path,
    system: str,
    overrides: Mapping[str, JsonValue] | None = None,
    source: str = "real",
    labels: Iterable[str] = (),
    preset: str = PAPER,
    trust: bool = False,
) -> Hparams:
    """Read a system with a recipe's values, and check every key.

    Arguments
    ---------
    recipe : str or Path
        `recipes/<CORPUS>`.
    system : str
        A system of recipes/shared/systems, or a file of the recipe's folder `hparams`.
    overrides : mapping
        The user's values for keys of the system and of the task: plain values and `!ref`.
    source : str
        "mini": the key `mini` of system and recipe holds values for the mini corpus, below the user's.
    labels : iterable of str
        The corpus's labels, which are the classes where recipe and user name none.
    preset : str
        "paper", or a preset of the system's or the recipe's key `presets`: its values stand above the system's and
        the recipe's own, and below `mini` and the user's.
    trust : bool
        Whether a YAML that is not the repository's own, or that names code outside the list of
        `speechbrain_ext.utils.yaml_safety`, may run that code.

    Returns
    -------
    Hparams

    Raises
    ------
    UserError
        A missing or broken file, code that is not trusted, or a key that the system does not have.
    UsageError
        An override of a key that does not exist, or a value of another type or outside its range.
    """
    recipe = Path(recipe)
    files = read_recipe(recipe, system, trust)
    tree, path = files.tree, files.paths[-1]
    own = {key: plain(files.changes.get(key)) for key in RECIPE_KEYS}
    mini = {**(tree.get("mini") or {}), **(own["mini"] or {})}
    preset_values = {} if preset == PAPER else _preset(preset, system, tree.get("presets"), own["presets"])
    children: JsonObject = {}
    facts = dict(files.facts)
    for values in (files.changes, preset_values, mini if source == "mini" else {}):
        facts |= {key: plain(value) for key, value in values.items() if key in TASK_KEYS}
        children |= {key: value for key, value in values.items() if key not in TASK_KEYS and key not in RECIPE_KEYS}
    of_task, of_system = _split(overrides or {}, files.system_path)
    task = _task(path, facts, of_task, labels)
    if task.outputs and "n_classes" in tree:
        if of_system.get("n_classes", task.outputs) != task.outputs:
            raise UsageError("--n_classes follows from the classes: give --classes [a, b, ...] in its place")
        children["n_classes"] = task.outputs
    if isinstance(tree["phases"], dict) and any("network" in (node or ()) for node in tree["phases"].values()):
        tree = {**training_defaults(), **tree}
    tree = {**COMMON_DEFAULTS, **tree}
    types = declarations(tree, files.system_path)
    usual = merge(tree, children, str(path), UserError, types)
    merged = merge(usual, of_system, "option", UsageError, types)
    origin = dict.fromkeys(tree, files.system_path) | dict.fromkeys(children, path)
    check_references(merged, files.system_path)
    check_values(merged, types, origin, usual, of_system)
    loaded = Hparams(
        recipe=recipe,
        paths=files.paths,
        corpus=files.corpus,
        protocol=str(own["protocol"] or facts["protocol"]),
        paper=own["paper"],
        system_name=system,
        system_path=files.system_path,
        tree=merged,
        overrides=of_system,
        task=task,
        types=types,
        mini=mini,
        trusted=files.trusted,
        _children=children,
        _text=files.system_text,
    )
    _ = loaded.phases
    return loaded


def _split(overrides: Mapping[str, JsonValue], system_path: Path) -> tuple[JsonObject, JsonObject]:
    """Split the user's values into those of the task and those of the system; refuse all but values and references."""
    for key, value in overrides.items():
        refuse_objects(value, f"--{key}", UsageError)
        if key in FIXED:
            raise UsageError(f"--{key}: expected a hyper-parameter, found a part of {system_path}: leave it out")
    of_task = {key: plain(value) for key, value in overrides.items() if key in TASK_KEYS}
    return of_task, {key: value for key, value in overrides.items() if key not in TASK_KEYS}


def _preset(
    name: str, system: str, of_system: Mapping[str, JsonValue] | None, of_recipe: Mapping[str, JsonValue] | None
) -> JsonObject:
    """Values of a preset: the system's, then the recipe's."""
    presets: list[dict[str, Any]] = [dict(each or {}) for each in (of_system, of_recipe)]
    known = [PAPER, *dict.fromkeys(name for each in presets for name in each)]
    if name not in known:
        near = nearest(name, known)
        hint = f": did you mean {near}?" if near else f" of {system}"
        raise UsageError(f"--preset {name}: expected one of {', '.join(known)}{hint}")
    return {key: value for each in presets for key, value in (each.get(name) or {}).items()}


def _task(path: Path, facts: JsonObject, overrides: JsonObject, labels: Iterable[str]) -> Task:
    """The recipe's task with the user's values; the message of a wrong value names the option or the file."""
    asked = Task.from_keys(overrides, "option") if overrides else None
    task = Task.from_keys({**facts, **overrides}, "option" if asked else str(path))
    return task.with_classes(labels)
