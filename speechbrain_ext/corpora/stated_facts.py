"""What the owner of a CSV states of its corpus, in a JSON file next to the CSV: `my.facts.json` of `my.csv`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.regular_file import read_regular

SUFFIX = ".facts.json"
EXAMPLE = '{"language": "Polish", "speaking": "scripted", "emotions": "acted", "dimension_scale": [1, 5]}'
LONGEST = 100


@dataclass(frozen=True)
class StatedFacts:
    """Facts of a corpus that its labels do not say; "" or None where they are not stated.

    Arguments
    ---------
    language : str
        Such as Polish.
    speaking : str
        "scripted", "spontaneous" or both.
    emotions : str
        "acted", "natural", or how else they came about.
    dimension_scale : (float, float) or None
        Lowest and highest value that valence, activation and dominance can have.
    """

    language: str = ""
    speaking: str = ""
    emotions: str = ""
    dimension_scale: tuple[float, float] | None = None

    def to_json(self) -> JsonObject:
        """What is stated, by name."""
        content = {name: value for name, value in asdict(self).items() if value}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}


NAMES = tuple(item.name for item in fields(StatedFacts))


def stated_path(csv_path: str | Path) -> Path:
    """The file that states facts of the corpus of a CSV.

    Example
    -------
    >>> stated_path("corpora/my.csv").as_posix()
    'corpora/my.facts.json'
    """
    return Path(csv_path).with_suffix(SUFFIX)


def read_stated_facts(csv_path: str | Path) -> StatedFacts:
    """Read what is stated of the corpus of a CSV; nothing where there is no such file.

    Arguments
    ---------
    csv_path : str or Path
        The CSV.

    Raises
    ------
    UserError
        The file cannot be read, or states what is no such fact.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "my.facts.json").write_text('{"language": "Polish"}')
    >>> read_stated_facts(folder / "my.csv").language
    'Polish'
    """
    path = stated_path(csv_path)
    if not path.exists():
        return StatedFacts()
    try:
        content = json.loads(read_regular(path).decode("utf-8-sig"))
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror}), expected {EXAMPLE}: mend or remove it") from None
    except (ValueError, RecursionError) as fault:
        reason = " ".join(str(fault).split())[:100]
        raise UserError(f"{path}: no JSON ({reason}), expected {EXAMPLE}: mend or remove it") from None
    return stated_facts_of(content, str(path))


def stated_facts_of(content: Any, where: str) -> StatedFacts:
    """Check and take stated facts.

    Raises
    ------
    UserError
        A name or a value is another one; `where` is named.
    """
    if not isinstance(content, dict):
        raise UserError(f"{where}: found {type(content).__name__}, expected an object such as {EXAMPLE}: mend it")
    for name, value in content.items():
        if name not in NAMES:
            near = nearest(name, NAMES)
            hint = f"did you mean {near}?" if near else "rename or remove it"
            raise UserError(f"{where}: {name[:LONGEST]}: expected one of {', '.join(NAMES)}: {hint}")
        is_right = _is_scale(value) if name == "dimension_scale" else _is_text(value)
        if not is_right:
            expected = (
                "two numbers, the lower first, such as [1, 5]"
                if name == "dimension_scale"
                else f"one line of up to {LONGEST} characters"
            )
            raise UserError(f"{where}: {name}: expected {expected}, found {value!r:.80}: change it")
    values: dict[str, Any] = dict(content)
    if scale := values.get("dimension_scale"):
        values["dimension_scale"] = (float(scale[0]), float(scale[1]))
    return StatedFacts(**values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip()) and len(value) <= LONGEST


def _is_scale(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    numbers = [each for each in value if isinstance(each, (int, float)) and not isinstance(each, bool)]
    return len(numbers) == 2 and all(map(math.isfinite, numbers)) and numbers[0] < numbers[1]
