"""A system's hyper-parameters as a listing: each key with value, type, meaning and source, grouped as in the YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora.task import CHOICES, LISTS, TASK_KEYS, Task
from speechbrain_ext.hparams import PAPER, Hparams, load_system
from speechbrain_ext.hparams.key_types import MEANINGS
from speechbrain_ext.hparams.system_checks import STRUCTURE
from speechbrain_ext.hparams.training import SIGNAL_DEFAULTS
from speechbrain_ext.utils.yaml_text import block
from speechbrain_ext.utils.yaml_tree import plain, read_text

TASK_MEANINGS = {
    "classes": "emotions to recognise; none = those of the corpus",
    "merge_excited": "excited counts as happiness",
    "merge_labels": "emotions that count as another one, such as [calm=neutral]",
    "scenarios": "scenarios to use; none = all",
    "parts": "parts of the corpus to use; none = all",
    "emotion": "the annotators' consensus, or the emotion asked for",
    "clear": "what makes an utterance clear: the release's label, or a majority of votes",
    "train_utterances": "trained on clear utterances, or also on ambiguous ones",
    "soft_target": "trained towards one class, or the shares of votes",
    "soft_target_alpha": "smoothing of the shares of votes",
    "dimensions": "valence, activation, dominance in place of classes",
}
LINE = re.compile(r"^(?P<key>[A-Za-z_]\w*):(?P<value>.*?)(?:\s+#\s?(?P<comment>.*))?$")
KEY_WIDTH, TYPE_WIDTH = 40, 34


def print_keys(recipe: Path, system: str, preset: str = PAPER) -> None:
    """Print the listing of a system of a recipe."""
    # Its code is not run here, so that it needs no trust.
    print(list_keys(load_system(recipe, system, preset=preset, trust=True), preset))


def list_keys(hp: Hparams, preset: str = PAPER) -> str:
    """Write a line for each key that may follow `--` on the command line.

    Arguments
    ---------
    hp : Hparams
        The system with its recipe and the preset's values.
    preset : str
        The preset's name.

    Returns
    -------
    str
        Groups as in the system's YAML, each key once, then the keys of the task.
    """
    system, (facts, *changes) = read_text(hp.system_path), map(read_text, hp.paths)
    recipe = "".join(changes)
    comments = key_comments(system)
    origins: dict[str, str] = {}
    places = [("corpus", facts), ("recipe", recipe)]
    if preset != PAPER:
        places += [(f"preset {preset}", block(block(text, "presets"), preset)) for text in (system, recipe)]
    for origin, text in places:
        found = key_comments(text)
        origins |= dict.fromkeys(found, origin)
        comments |= {key: comment for key, comment in found.items() if comment or key in TASK_KEYS}
    lines = [
        f"Hyper-parameters of {hp.system_name}, preset {preset} (recipe {hp.recipe.resolve().name}, "
        f"{hp.system_path.name}). Set them with: ./run.sh --system {hp.system_name} --tag NAME -- --KEY VALUE",
        "Columns: key and value; type and range; meaning, and the YAML's comment with the source; [where it was set]",
    ]
    named = groups(system)
    listed = {key for _, keys in named for key in keys}
    left = [key for key in hp.types if key in hp.tree and key not in listed]
    for group, own in (
        ("Audio, as for all systems", [key for key in left if key in SIGNAL_DEFAULTS]),
        ("Training, as for all systems", [key for key in left if key not in SIGNAL_DEFAULTS]),
    ):
        named += [([group], own)] if own else []
    for title, keys in named:
        lines += ["", *title]
        for key in keys:
            texts = [MEANINGS.get(key, ""), comments.get(key, "") or _inner_comments(system, key)]
            kind = _variants(hp) if key == "variant" else hp.types[key].text
            lines.append(_line(key, hp.tree[key], kind, texts, origins.get(key, "")))
    lines += ["", "Task: which utterances are used, and what is trained towards"]
    for key, value in ((item.name, getattr(hp.task, item.name)) for item in fields(hp.task)):
        value = list(value) if isinstance(value, tuple) else value
        usual = "" if value == getattr(Task(), key) or value == [] else "corpus"
        texts = [TASK_MEANINGS[key], comments.get(key, "")]
        lines.append(_line(key, value, _task_type(key), texts, origins.get(key, usual)))
    if hp.mini:
        lines += ["", f"On the mini corpus: {_value(plain(hp.mini))}"]
    return "\n".join(lines)


def groups(text: str) -> list[tuple[list[str], list[str]]]:
    """Keys of a system's YAML in its groups, each with the lines of the comment above it.

    Example
    -------
    >>> groups("# A system.\\n\\nvariant: a\\n\\n# Data (Section 2)\\nrate: 3  # of what\\n\\nphases: {}\\n")
    [(['System'], ['variant']), (['Data (Section 2)'], ['rate'])]
    """
    found: list[tuple[list[str], list[str]]] = []
    for part in re.split(r"\n\s*\n", text):
        rows = part.splitlines()
        keys = [match["key"] for row in rows if (match := LINE.match(row))]
        keys = [key for key in keys if key == "variant" or key not in STRUCTURE]
        if keys:
            title = [row.lstrip("# ") for row in rows if row.startswith("#")]
            if title or not found:
                found.append((title or ["System"], keys))
            else:
                found[-1][1].extend(keys)
    return found


def key_comments(text: str) -> dict[str, str]:
    """Comments behind the keys of a YAML text's top level, "" where there is none."""
    return {match["key"]: (match["comment"] or "").strip() for row in text.splitlines() if (match := LINE.match(row))}


def _inner_comments(text: str, key: str) -> str:
    """Comments behind the parts of a key, such as the rates of a schedule, in one line."""
    return "; ".join(f"{part}: {comment}" for part, comment in key_comments(block(text, key)).items() if comment)


def _line(key: str, value: Any, kind: str, texts: list[str], origin: str) -> str:
    left = f"  --{key} {_value(value)}"
    meaning = ". ".join(dict.fromkeys(text for text in texts if text))
    return f"{left:<{KEY_WIDTH}}  {kind:<{TYPE_WIDTH}}  {meaning}{f' [{origin}]' if origin else ''}".rstrip()


def _value(value: Any) -> str:
    """A value as it is typed on the command line."""
    if isinstance(value, Mapping):
        name = str(value.get("__tag__", "")).rpartition(".")[2]
        inner = ", ".join(f"{key}: {_value(item)}" for key, item in value.items() if key != "__tag__")
        return f"{name}{' ' if name else ''}{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return value if isinstance(value, str) and value else json.dumps(plain(value))


def _variants(hp: Hparams) -> str:
    """The variants' names, or their number where they are many."""
    names = list(hp.tree["variants"])
    return f"one of {', '.join(names)}" if len(names) <= 6 else f"one of {len(names)}: {', '.join(names)}"


def _task_type(key: str) -> str:
    if key in CHOICES:
        return f"one of {', '.join(CHOICES[key])}"
    if key in LISTS:
        return "list of text or empty"
    return "boolean" if key == "merge_excited" else "number >= 0"
