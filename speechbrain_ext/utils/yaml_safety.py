"""What a YAML text may hold: plain values and references everywhere, named code only in YAML that is trusted.

HyperPyYAML builds objects while it reads: the tag of a node names code that runs. It also reads a text in parentheses a
second time, with a loader that runs code. So every text is checked as a stream of events, before any node is made.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.repository import RECIPES

REF = "!ref"
MAX_BYTES = 2**20
MAX_DEPTH = 40
TERM = r"(?:<[A-Za-z_]\w*(?:\[\w+\])*>|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
FORMULA = re.compile(rf"{TERM}(?:\s*[-+*/]\s*{TERM})*")
# Code that the repository's own YAML may name: tag, module, and whether functions may be named as well as classes.
ALLOWED = (
    ("!name:", "speechbrain_ext.lobes", True),
    ("!name:", "speechbrain_ext.features", False),
    ("!name:", "speechbrain_ext.losses", False),
    ("!name:", "speechbrain_ext.training.svm", False),
    ("!new:", "speechbrain_ext.training.schedule", False),
    ("!new:", "speechbrain.nnet.schedulers", False),
)
PLAIN_ONLY = "expected plain values and !ref only: write the value itself (code is named in a YAML, see --trust)"


@dataclass(frozen=True)
class Tag:
    """A tag of a node, such as !name:package.Class, and the line where it stands."""

    name: str
    line: int


def scan(text: str, where: str, error: type[UserError] = UserError) -> list[Tag]:
    """Check the structure of a YAML text and list its tags; nothing is built.

    Arguments
    ---------
    text : str
        One YAML document.
    where : str
        The file or option, for messages.
    error : type
        Class of the errors.

    Returns
    -------
    list of Tag
        All tags but `!ref`, in order.

    Raises
    ------
    UserError
        The text is no YAML, or has anchors, aliases, merge keys, directives, several documents, keys that are no plain
        words, a text in parentheses, a reference that is no simple formula, or too much depth or size.

    Example
    -------
    >>> scan("a: !ref <b> * 2\\nb: !new:os.Thing {}", "x.yaml")
    [Tag(name='!new:os.Thing', line=2)]
    """
    if len(text) > MAX_BYTES:
        raise error(f"{where}: expected at most {MAX_BYTES} characters of YAML, found {len(text)}: shorten it")
    return list(_scanned(text, where, error))  # type: ignore[arg-type]  # a class has a hash


@lru_cache(maxsize=64)
def _scanned(text: str, where: str, error: type[UserError]) -> tuple[Tag, ...]:
    """Tags of a text; a table's rows read one text many times."""
    try:
        return tuple(_Scan(where, error).run(text))
    except (YAMLError, ValueError, RecursionError) as fault:
        reason = " ".join(str(fault).split())[:200]
        raise error(f"{where}: not YAML: {reason}: correct it") from None


def refuse_tags(text: str, where: str, error: type[UserError] = UserError) -> None:
    """Refuse a YAML text that holds more than plain values and `!ref`.

    Raises
    ------
    UserError
        As `scan` does, and for any tag.
    """
    for tag in scan(text, where, error):
        raise error(f"{where}: found the tag {tag.name[:80]}, {PLAIN_ONLY}")


def refuse_objects(value: Any, where: str, error: type[UserError] = UserError, depth: int = 0) -> None:
    """Refuse a value in memory that is more than plain values and `!ref`, as `refuse_tags` does for a text.

    Raises
    ------
    UserError
        The value holds a tag, an object, a text that YAML would run, or too much depth.
    """
    if depth > MAX_DEPTH:
        raise error(f"{where}: expected at most {MAX_DEPTH} levels, found more: write it flatter")
    tag = str(getattr(getattr(value, "tag", None), "value", None) or "")
    if tag == REF and isinstance(getattr(value, "value", None), str):
        _check_formula(value.value, where, error)
    elif tag or not isinstance(value, (str, int, float, list, tuple, Mapping, type(None))):
        raise error(f"{where}: found {tag or type(value).__name__}, {PLAIN_ONLY}")
    elif isinstance(value, str):
        _check_text(value, where, error)
        if value.startswith("!"):
            raise error(f"{where}: found the text {value[:80]!r}, {PLAIN_ONLY}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z]\w*", key):
                raise error(f"{where}: found the key {str(key)[:80]!r}, expected plain words as keys: rename it")
            refuse_objects(item, where, error, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            refuse_objects(item, where, error, depth + 1)


def is_own(path: Path) -> bool:
    """Whether a YAML is a recipe or a system of this repository, by its place."""
    try:
        parts = path.resolve().relative_to(RECIPES).parts
    except ValueError:
        return False
    if len(parts) == 2:
        return parts[1] == "corpus.yaml"
    return len(parts) == 3 and path.suffix == ".yaml" and (parts[1] == "hparams" or parts[:2] == ("shared", "systems"))


def code_to_trust(path: Path, tags: list[Tag]) -> list[str]:
    """Tags of a YAML that need the user's trust: all of a foreign file, those that are not allowed of our own.

    Arguments
    ---------
    path : Path
        The YAML.
    tags : list of Tag
        What `scan` found in it.

    Returns
    -------
    list of str
        Each tag once, with its file and the first line where it stands.
    """
    needed = [tag for tag in tags if not (is_own(path) and _is_allowed(tag.name))]
    if not tags and not is_own(path):
        return [f"no code ({path})"]
    first = {tag.name: tag.line for tag in reversed(needed)}
    return [f"{tag.name} ({path}:{first[tag.name]})" for tag in dict.fromkeys(needed) if first[tag.name] == tag.line]


def _is_allowed(tag: str) -> bool:
    """Whether our own YAML may use a tag."""
    for kind, package, functions in ALLOWED:
        target = tag.removeprefix(kind)
        if tag.startswith(kind) and target.startswith(f"{package}."):
            return _is_defined(target, functions)
    return False


@lru_cache(maxsize=256)
def _is_defined(target: str, functions: bool) -> bool:
    """Whether a module itself defines a public class of this name, so that no import of the module is reached."""
    module, _, name = target.rpartition(".")
    if not all(re.fullmatch(r"[A-Za-z]\w*", part) for part in target.split(".")):
        return False
    top, *inner = module.split(".")
    found = importlib.util.find_spec(top)
    for root in (found and found.submodule_search_locations) or ():
        place = Path(root, *inner)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                kinds = (ast.ClassDef, ast.FunctionDef) if functions else (ast.ClassDef,)
                nodes = ast.parse(file.read_text(encoding="utf-8")).body
                return any(isinstance(node, kinds) and node.name == name for node in nodes)
    return False


class _Scan:
    """One pass over the events of a text; `self.stack` holds for each open node whether a key comes next."""

    def __init__(self, where: str, error: type[UserError]) -> None:
        self.where, self.error = where, error
        self.tags: list[Tag] = []
        self.stack: list[bool | None] = []  # None: a list; True: a mapping before a key; False: before a value
        self.documents = 0

    def run(self, text: str) -> list[Tag]:
        for event in YAML().parse(text):
            if isinstance(event, DocumentStartEvent):
                self._document(event)
            elif isinstance(event, NodeEvent):
                self._node(event)
            elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
                self.stack.pop()
        return self.tags

    def _fail(self, event: Any, found: str, expected: str) -> None:
        raise self.error(f"{self.where}: line {event.start_mark.line + 1}: found {found}, {expected}")

    def _document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self._fail(event, "a second document", "expected one: remove what follows ---")
        if event.version or event.tags:
            self._fail(event, "a directive", "expected none: remove the lines that begin with %")

    def _node(self, event: Any) -> None:
        if isinstance(event, AliasEvent) or event.anchor:
            self._fail(event, f"the anchor or alias {str(event.anchor)[:40]}", "expected none: write the value out")
        is_key = bool(self.stack and self.stack[-1])
        if self.stack and self.stack[-1] is not None:
            self.stack[-1] = not self.stack[-1]
        if is_key and (not isinstance(event, ScalarEvent) or event.tag or event.value == "<<"):
            self._fail(
                event, "a key with a tag, a merge key or a nested key", "expected plain words as keys: rename it"
            )
        if event.tag == REF and isinstance(event, ScalarEvent):
            _check_formula(event.value, self.where, self.error)
        elif event.tag:
            self.tags.append(Tag(str(event.tag), event.start_mark.line + 1))
        elif isinstance(event, ScalarEvent):
            _check_text(event.value, self.where, self.error)
        if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self.stack.append(True if isinstance(event, MappingStartEvent) else None)
            if len(self.stack) > MAX_DEPTH:
                self._fail(event, f"more than {MAX_DEPTH} levels", "expected fewer: write it flatter")


def _check_formula(text: str, where: str, error: type[UserError]) -> None:
    if not FORMULA.fullmatch(text.strip()) or "<" not in text or len(text) > 200:
        raise error(f"{where}: !ref {text[:80]}: expected <key>, or a formula such as <key> * 2: change it")


def _check_text(text: str, where: str, error: type[UserError]) -> None:
    """HyperPyYAML reads a text in parentheses as a tuple, with a loader that runs code."""
    if text.strip().startswith("("):
        raise error(f"{where}: {text.strip()[:80]!r}: a value must not begin with a parenthesis: write a list, [a, b]")
