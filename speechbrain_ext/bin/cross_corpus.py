"""A matrix across corpora: every system trained on every corpus and scored on all the others.

Called by recipes/shared/cross_corpus.sh, before the environment is there.
"""

from __future__ import annotations

import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.bin.corpus_places import SHARED, check_roots, find_corpus
from speechbrain_ext.bin.environment import use_environment
from speechbrain_ext.bin.options import command_parser
from speechbrain_ext.bin.recipe_options import Recipe
from speechbrain_ext.training.methods import find_methods
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.nearest import suggestion

COMMAND = "recipes/shared/cross_corpus.sh"


def main(argv: Sequence[str] | None = None) -> None:
    """Parse and check the options, change to the environment's interpreter, and make the matrix."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = command_parser("cross_corpus", __doc__, ("corpora",), prog="./cross_corpus.sh")
    parser.set_defaults(exp=SHARED / "exp", data=SHARED / "data")
    asked = parser.parse(words)
    # More threads help large networks only, and slow small ones down.
    asked.threads = asked.threads or 1
    asked.command_line = shlex.join([COMMAND, *_without_roots(words)])
    find_corpora(asked)
    find_overrides(asked)
    asked.methods = asked.methods or ("all",)
    find_methods(asked.methods)
    use_environment(words, "cross_corpus")
    # Before any package is imported, for those that read it once.
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    from speechbrain_ext.bin.requests import matrix_request
    from speechbrain_ext.cross_corpus.run import plan_matrix, run_matrix

    request = matrix_request(asked)
    if asked.dry_run:
        plan_matrix(request)
    else:
        from speechbrain_ext.report.cross_corpus.write import write_matrix_report

        path = run_matrix(request)
        for written in (path, *write_matrix_report(path.parent)):
            print(f"wrote {written}")


def find_corpora(asked: Namespace) -> None:
    """Find the recipe and the folder of each corpus: `asked.found` has (recipe's folder, name, root, source).

    Raises
    ------
    UsageError
        A corpus or a system is not known, or only some corpora have a folder.
    """
    roots = dict(_root(text) for text in asked.root or ())
    found = [find_corpus(name, roots) for name in asked.corpora]
    if strange := [name for name in roots if name not in asked.corpora]:
        raise UsageError(f"--root {strange[0]}: expected one of the corpora {', '.join(asked.corpora)}")
    check_roots("--corpora", found, "--root {}=DIR")
    for folder, name, _ in found:
        systems = Recipe(folder, name, "", "svm").systems
        for system in asked.systems:
            if system not in systems:
                raise UsageError(f"--systems {system}: {name} has {suggestion(system, systems, 'the systems')}")
    asked.found = [
        (folder, name, root or str(asked.data / "mini-corpus" / name), "real" if root else "mini")
        for folder, name, root in found
    ]


def find_overrides(asked: Namespace) -> None:
    """Sort the words after `--`, `--<system>.<key> value`, by system.

    Raises
    ------
    UsageError
        A word names no system of the matrix, or has no value.
    """
    by_system: dict[str, list[str]] = {}
    words = list(asked.overrides)
    while words:
        word = words.pop(0)
        system, dot, key = word.removeprefix("--").partition(".")
        if not word.startswith("--") or not dot or system not in asked.systems:
            example = f"--{asked.systems[0]}.epochs 10"
            raise UsageError(f"{word}: expected --<system>.<key> with one of {', '.join(asked.systems)}: try {example}")
        if not words:
            raise UsageError(f"{word}: missing value: type {word} VALUE")
        by_system.setdefault(system, []).extend([f"--{key}", words.pop(0)])
    asked.by_system = {system: tuple(found) for system, found in by_system.items()}


def _root(text: str) -> tuple[str, str]:
    name, equals, folder = text.partition("=")
    if not equals or not folder:
        raise UsageError(f"--root {text}: expected CORPUS=DIR, such as EmoDB=/data/EmoDB")
    return name, str(Path(folder).expanduser().resolve())


def _without_roots(words: Sequence[str]) -> list[str]:
    """The words as they are kept: no folder of this machine is in them."""
    rest, found = list(words), []
    while rest:
        word = rest.pop(0)
        if word == "--root" and rest:
            found += [word, f"{rest.pop(0).partition('=')[0]}=DIR"]
        elif word.startswith("--root="):
            found.append(f"--root={word.split('=')[1]}=DIR")
        elif word in ("--data", "--exp", "--cache", "--out") and rest:
            rest.pop(0)
        elif word == "--corpora" and rest:
            found += [word, ",".join(Path(name).name for name in rest.pop(0).split(","))]
        else:
            found.append(word)
    return found


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
