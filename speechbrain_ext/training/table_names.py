"""Names of the papers' tables that a recipe has, by their files; imports no package.

`recipes/<CORPUS>/tables/<system>_table5.yaml` is the table `<system>/5`; `<system>_figure6.yaml` is `<system>/figure6`.
"""

from __future__ import annotations

import re
from pathlib import Path

from speechbrain_ext.utils.errors import UserError

STEM = re.compile(r"(?P<system>[a-z0-9_]+)_(?P<kind>table|figure)(?P<number>[0-9]+[a-z]?)")
# Row folders of tables begin so; no tag of a user does.
RESERVED = re.compile(r"(table|figure)[0-9]")


def table_id(path: str | Path) -> str:
    """Name a table by its file.

    Example
    -------
    >>> table_id("tables/amsnet_table5.yaml"), table_id("tables/sd_caff_figure6.yaml")
    ('amsnet/5', 'sd_caff/figure6')
    """
    found = STEM.fullmatch(Path(path).stem)
    if not found:
        raise UserError(f"{path}: expected a name like amsnet_table5.yaml or amsnet_figure6.yaml")
    kind = "" if found["kind"] == "table" else found["kind"]
    return f"{found['system']}/{kind}{found['number']}"


def table_files(recipe: str | Path) -> dict[str, Path]:
    """The tables of a recipe, by name, in order of their numbers."""
    files = {table_id(path): path for path in Path(recipe, "tables").glob("*.yaml")}
    return dict(sorted(files.items(), key=lambda item: [_natural(part) for part in re.split(r"(\d+)", item[0])]))


def _natural(part: str) -> tuple[int, str]:
    return (int(part), "") if part.isdigit() else (0, part)
