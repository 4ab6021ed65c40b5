"""Modules of a package that define a name: a registry to which a new module needs no edit elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any


def find_defined(package: str, path: Iterable[str], name: str) -> dict[str, Any]:
    """Import the modules of a package, and collect what those that define `name` have under it.

    Arguments
    ---------
    package : str
        The package's dotted name.
    path : iterable of str
        Its folders: `package.__path__`.
    name : str
        The name that a registered module defines.

    Returns
    -------
    dict
        By the module's own name, sorted.
    """
    modules = sorted(found.name for found in pkgutil.iter_modules(path))
    imported = {module: importlib.import_module(f"{package}.{module}") for module in modules}
    return {module: getattr(each, name) for module, each in imported.items() if hasattr(each, name)}
