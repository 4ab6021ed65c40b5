"""The YAML files of a recipe and a system, read after a check of the code that they name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.task import TASK_KEYS
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.nearest import suggestion
from speechbrain_ext.utils.repository import RECIPES
from speechbrain_ext.utils.yaml_safety import Tag, code_to_trust, scan
from speechbrain_ext.utils.yaml_tree import parse, plain, read_text

SYSTEMS = RECIPES / "shared/systems"
NEEDED = ("variant", "variants", "phases", "features")
CORPUS_KEYS = frozenset({"corpus", "protocol"}) | TASK_KEYS


@dataclass(frozen=True)
class RecipeFiles:
    """A corpus, a system, and what the recipe changes of the system.

    Attributes
    ----------
    corpus : str or None
        The corpus's name; None in the recipe for any CSV.
    facts : dict
        Protocol and task of the corpus: of its module, and above them those of corpus.yaml.
    changes : dict
        Keys of `hparams/<system>.yaml`; empty where the recipe has no such file.
    paths : tuple of Path
        The recipe's own files, corpus.yaml first.
    system_path, system_text
        The system's YAML; its text is what objects are built from.
    tree : dict
        The system's keys as plain values, references unresolved.
    trusted : tuple of str
        Tags that run only because the user trusts these files, with file and line.
    """

    corpus: str | None
    facts: dict[str, Any]
    changes: dict[str, Any]
    paths: tuple[Path, ...]
    system_path: Path
    system_text: str
    tree: dict[str, Any]
    trusted: tuple[str, ...]


def list_systems(recipe: Path) -> list[str]:
    """Names that `--system` takes: the shared systems, and files of the recipe's folders `hparams` and `systems`."""
    folders = (recipe / "hparams", recipe / "systems", SYSTEMS)
    return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})


def read_recipe(recipe: Path, system: str, trust: bool = False) -> RecipeFiles:
    """Read corpus.yaml, the recipe's changes of a system, and the system.

    Arguments
    ---------
    recipe : Path
        `recipes/<CORPUS>`.
    system : str
        One of `list_systems`.
    trust : bool
        Whether the files may name code that is not on the list of `speechbrain_ext.utils.yaml_safety`, or lie elsewhere
        than in this repository.

    Raises
    ------
    UsageError
        There is no such system.
    UserError
        A missing or broken file, or code that is not trusted.
    """
    corpus_path, own_path = recipe / "corpus.yaml", recipe / "hparams" / f"{system}.yaml"
    if system not in (known := list_systems(recipe)):
        raise UsageError(f"--system {system}: expected one of {recipe}: {suggestion(system, known, 'systems')}")
    corpus_yaml, needed = _read(corpus_path)
    facts = {key: plain(value) for key, value in corpus_yaml.items()}
    changes: dict[str, Any] = {}
    paths = (corpus_path, own_path) if own_path.exists() else (corpus_path,)
    if own_path.exists():
        changes, more = _read(own_path)
        needed += more
    name = str(plain(changes.pop("system", system)))
    system_path = _find(name, recipe, own_path)
    system_text = read_text(system_path)
    tags = scan(system_text, str(system_path))
    needed += code_to_trust(system_path, tags)
    if needed and not trust:
        raise UserError(
            f"{paths[-1]}: this YAML lies outside the repository's recipes, or names code that is not allowed: "
            f"{', '.join(needed)}: read it, then add --trust to run it"
        )
    tree = {key: plain(value) for key, value in parse(system_text, str(system_path)).items()}
    for key in NEEDED:
        if key not in tree:
            raise UserError(f"{system_path}: expected the key `{key}`, found {', '.join(tree)}")
    for key in facts:
        if key not in CORPUS_KEYS:
            raise UserError(f"{corpus_path}: unknown key {key}: {suggestion(key, sorted(CORPUS_KEYS), 'keys')}")
    corpus = facts.pop("corpus", None)
    return RecipeFiles(
        corpus, _usual(corpus, corpus_path) | facts, changes, paths, system_path, system_text, tree, tuple(needed)
    )


def _read(path: Path) -> tuple[JsonObject, list[str]]:
    """Keys of a recipe's own file, and its tags that need the user's trust."""
    text = read_text(path)
    tags: list[Tag] = scan(text, str(path))
    return dict(parse(text, str(path))), code_to_trust(path, tags)


def _find(name: str, recipe: Path, named_by: Path) -> Path:
    """The YAML of a system: the recipe's own, else the shared one."""
    for folder in (recipe / "systems", SYSTEMS):
        known = {path.stem: path for path in folder.glob("*.yaml")}
        if name in known:
            return known[name].resolve()
    known = {path.stem: path for path in SYSTEMS.glob("*.yaml")}
    raise UserError(f"{named_by}: system: {name[:80]}: {suggestion(name, known, 'systems')}")


def _usual(corpus: str | None, path: Path) -> JsonObject:
    """Protocol and task that the corpus's module names."""
    if corpus is None:
        return {"protocol": "speaker"}
    try:
        found = get_corpus(str(corpus))
    except UsageError as fault:
        raise UserError(f"{path}: {str(fault).removeprefix('--')}") from None
    return {"protocol": found.protocols[0], **found.task.to_dict()}
