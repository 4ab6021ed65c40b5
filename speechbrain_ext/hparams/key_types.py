"""Type and range of every hyper-parameter, checked before anything is computed.

A system's YAML declares its own keys under `types:`. The keys of a training are declared in `training.py`, and other
keys that systems have in common here. A declaration is one of these, each with ` or null` behind it where null is a
value too:

- `integer >= 1, <= 512`, `number > 0`: a finite number, with bounds;
- `boolean`, `text`;
- `one of mask, silence`;
- `list of integer >= 1`, `list of text or empty`: at least one item, unless `or empty` says otherwise;
- `options`: keys with values, which what they are handed to checks;
- `schedule`: an object that a YAML builds.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from speechbrain_ext.hparams.training import TRAINING_MEANINGS, TRAINING_TYPES
from speechbrain_ext.utils.json_values import JsonValue

# Keys other than those of a training that several systems have: type, meaning.
COMMON = {
    "variant": ("text", "what is trained: a row of the paper's ablation"),
    "n_classes": ("integer >= 1", "outputs of the network; follows from the classes"),
    "duration_s": ("number > 0, <= 600", "seconds that an utterance is cut or filled to"),
    "segment_s": ("number > 0, <= 600", "seconds of the segments that an utterance is cut into"),
    "pad": ("one of mask, silence", "what fills short utterances: mask = no frames, silence = frames of silence"),
    "speaker_normalisation": (
        "boolean",
        "z-scores per speaker over all of the speaker's utterances: transductive when on",
    ),
    "corpus_balance": (
        "one of none, corpus, corpus_class",
        "corpora trained on together: each corpus, or each class of each corpus, weighs the same; none = utterances do",
    ),
    "corpus_normalisation": (
        "boolean",
        "z-scores per corpus over all utterances of each corpus trained on together: transductive when on",
    ),
    "trim_silence_db": (
        "number > 0, <= 120 or null",
        "silence at both ends is cut off before any feature: frames this far below the loudest; null = it stays",
    ),
    "level_db": (
        "number >= -80, < 0 or null",
        "level that each utterance is brought to before any feature, RMS in dB below full scale; null = as recorded",
    ),
    "shuffle_labels": (
        "boolean",
        "trained on the labels of the training part dealt out at random: a check, whose scores should be at chance",
    ),
    "utterance": (
        "one of posteriors, log_posteriors",
        "what is averaged over the segments of an utterance",
    ),
    "ssl_model": ("text", "pretrained self-supervised model: a folder, or OWNER/NAME[@REVISION] of the hub"),
    "projection_size": ("integer >= 1, <= 65536", "width of the linear layer above the hidden states"),
    "adapter": ("one of lora, houlsby or null", "trains adapters in place of the self-supervised model"),
    "adapter_rank": ("integer >= 1, <= 65536", "width of the layer inside an adapter"),
    "adapter_alpha": ("number > 0, <= 1e6", "scale of a lora adapter, divided by its rank"),
}
COMMON_TYPES = {key: kind for key, (kind, _) in COMMON.items()} | TRAINING_TYPES
MEANINGS = {key: meaning for key, (_, meaning) in COMMON.items()} | TRAINING_MEANINGS
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
BOUND = re.compile(r"(>=|>|<=|<)\s*(-?[\d.]+(?:e[+-]?\d+)?)")


@dataclass(frozen=True)
class KeyType:
    """What a key's value may be.

    Attributes
    ----------
    text : str
        The declaration, as it stands in messages and listings.
    kind : str
        integer, number, boolean, text, one of, list, options or schedule.
    bounds : tuple
        Comparisons and limits of a number.
    choices : tuple of str
        Of "one of".
    item : KeyType or None
        Of the items of a list.
    null, empty : bool
        Whether null, and an empty list, are values too.
    """

    text: str
    kind: str
    bounds: tuple[tuple[str, float], ...] = ()
    choices: tuple[str, ...] = ()
    item: KeyType | None = None
    null: bool = False
    empty: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether a value, its references resolved, is of this type and in its range.

        Example
        -------
        >>> lr = parse_type("number > 0, <= 10")
        >>> [lr.accepts(value) for value in (0.1, 1, 0, 1e30, float("nan"), True, "1", None)]
        [True, True, False, False, False, False, False, False]
        """
        if value is None:
            return self.null
        if self.kind in ("integer", "number"):
            return _is_number(value, self.kind) and all(COMPARISONS[sign](value, limit) for sign, limit in self.bounds)
        if self.kind == "boolean":
            return isinstance(value, bool)
        if self.kind == "text":
            return isinstance(value, str) and value.isprintable() and bool(value.strip()) and not value.startswith("!")
        if self.kind == "one of":
            return isinstance(value, str) and value in self.choices
        if self.kind == "list":
            return isinstance(value, list) and self._accepts_items(value)
        if self.kind == "options":
            return isinstance(value, dict) and "__tag__" not in value
        return _is_object(value)

    def _accepts_items(self, values: list[Any]) -> bool:
        return self.item is not None and (self.empty or bool(values)) and all(map(self.item.accepts, values))


@lru_cache(maxsize=512)
def parse_type(text: str) -> KeyType:
    """Read a declaration.

    Raises
    ------
    ValueError
        It has none of the known forms.

    Example
    -------
    >>> parse_type("list of integer >= 1").accepts([8, 5, 3]), parse_type("one of relu, softmax or null").choices
    (True, ('relu', 'softmax'))
    """
    rest, null = _without(str(text), " or null")
    rest, empty = _without(rest, " or empty")
    head, _, tail = rest.partition(" ")
    make = partial(KeyType, text, null=null, empty=empty)
    if rest.startswith("one of ") and (choices := tuple(word.strip() for word in rest[7:].split(","))) and all(choices):
        return make("one of", choices=choices)
    if rest.startswith("list of "):
        return make("list", item=parse_type(rest[8:]))
    if rest in ("boolean", "text", "options", "schedule"):
        return make(rest)
    if head in ("integer", "number"):
        parts = [part.strip() for part in tail.split(",") if part.strip()]
        bounds = [bound for part in parts if (bound := BOUND.fullmatch(part))]
        if len(bounds) == len(parts):
            return make(head, bounds=tuple((bound[1], float(bound[2])) for bound in bounds))
    raise ValueError(f"expected a type such as `integer >= 1` or `one of a, b or null`, found {text!r}")


def declared_types(own: Mapping[str, JsonValue]) -> dict[str, KeyType]:
    """Types of all keys that a system may have: the common ones and, above them, its own.

    Raises
    ------
    ValueError
        A declaration has no known form; its key is named.
    """
    types = {}
    for key, text in {**COMMON_TYPES, **own}.items():
        try:
            types[key] = parse_type(str(text))
        except ValueError as fault:
            raise ValueError(f"types: {key}: {fault}") from None
    return types


def _without(text: str, ending: str) -> tuple[str, bool]:
    return text.removesuffix(ending), text.endswith(ending)


def _is_number(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float)):
        return False
    return math.isfinite(value)


def _is_object(value: Any) -> bool:
    """A tagged node, as `yaml_tree.plain` gives it."""
    return isinstance(value, str) and value.startswith("!new:") or isinstance(value, dict) and "__tag__" in value
