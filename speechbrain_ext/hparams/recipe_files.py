"""A recipe's YAML and the system's that it includes, read after a check of what they would run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.yaml_safety import INCLUDE, code_to_trust, scan
from speechbrain_ext.utils.yaml_tree import parse, plain, read_text, tag

NEEDED = ("variant", "variants", "phases", "features")


@dataclass(frozen=True)
class RecipeFiles:
    """A recipe and its system.

    Attributes
    ----------
    recipe : CommentedMap
        The recipe's keys.
    children : dict
        The recipe's values for keys of the system.
    system_path, system_text
        The system's YAML; its text is what objects are built from.
    tree : dict
        The system's keys as plain values, references unresolved.
    trusted : tuple of str
        Tags that run only because the user trusts these files, with file and line.
    """

    recipe: CommentedMap
    children: dict[str, Any]
    system_path: Path
    system_text: str
    tree: dict[str, Any]
    trusted: tuple[str, ...]


def read_recipe(path: Path, trust: bool = False) -> RecipeFiles:
    """Read a recipe's YAML and its system's.

    Arguments
    ---------
    path : Path
        The recipe's YAML of a system.
    trust : bool
        Whether they may name code that is not on the list of `speechbrain_ext.utils.yaml_safety`, or lie elsewhere than
        in this repository.

    Raises
    ------
    UserError
        A missing or broken file, code that is not trusted, or no system.
    """
    text = read_text(path)
    tags = scan(text, str(path))
    recipe = parse(text, str(path))
    node = recipe.get("system")
    include = tag(node)
    if not include.startswith(INCLUDE) or sum(each.name.startswith(INCLUDE) for each in tags) != 1:
        raise UserError(f"{path}: expected a key `system: !include:<file>` and no other include, found {node!r}")
    system_path = (path.parent / include[len(INCLUDE) :]).resolve()
    system_text = read_text(system_path)
    system_tags = scan(system_text, str(system_path))
    if any(each.name.startswith(INCLUDE) for each in system_tags):
        raise UserError(f"{system_path}: expected no include in a system, found one: write out what it includes")
    trusted = code_to_trust(path, tags) + code_to_trust(system_path, system_tags)
    if trusted and not trust:
        raise UserError(
            f"{path}: this YAML lies outside the repository's recipes, or names code that is not allowed: "
            f"{', '.join(trusted)}: read it, then add --trust to run it"
        )
    tree = {key: plain(value) for key, value in parse(system_text, str(system_path)).items()}
    for key in NEEDED:
        if key not in tree:
            raise UserError(f"{system_path}: expected the key `{key}`, found {', '.join(tree)}")
    children = dict(node) if isinstance(node, CommentedMap) else {}
    return RecipeFiles(recipe, children, system_path, system_text, tree, tuple(trusted))
