"""The words after `--` of a command as hyper-parameters."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.yaml_safety import refuse_tags
from speechbrain_ext.utils.yaml_tree import is_number


def parse_overrides(words: list[str]) -> JsonObject:
    """Turn `--key value --other=value` into a mapping, values read as YAML.

    Raises
    ------
    UsageError
        A word that is no option, a missing value, a value that is no YAML, or a key given twice.

    Example
    -------
    >>> parse_overrides(["--hidden_size", "256", "--variant=frlm"])
    {'hidden_size': 256, 'variant': 'frlm'}
    """
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise UsageError(f"expected --key value after `--`, found {word!r}")
        key, equals, text = word[2:].partition("=")
        key = key.replace("-", "_")
        if not equals:
            if not rest:
                raise UsageError(f"--{key}: missing value: type --{key} VALUE")
            text = rest.pop(0)
        if key in found:
            raise UsageError(f"--{key} is given twice: keep one")
        refuse_tags(text, f"--{key}", UsageError)
        try:
            found[key] = YAML().load(text)
        except (YAMLError, ValueError):
            raise UsageError(f"--{key}: {text!r} is not a YAML value") from None
        if isinstance(found[key], str) and is_number(found[key]):
            found[key] = float(found[key])
    return found
