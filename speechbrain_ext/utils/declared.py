"""Classes that a system's YAML declares as `!name:<class>` with options."""

from __future__ import annotations

from functools import partial
from typing import Any


def declared(make: Any) -> tuple[Any, dict[str, Any]]:
    """The class or function of a `!name:` node as HyperPyYAML builds it, and its options.

    Example
    -------
    >>> declared(partial(dict, a=1)), declared(dict)
    ((<class 'dict'>, {'a': 1}), (<class 'dict'>, {}))
    """
    return (make.func, make.keywords) if isinstance(make, partial) else (make, {})
