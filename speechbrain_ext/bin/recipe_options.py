"""The command line of run.sh: its help, and all checks that need no package."""

from __future__ import annotations

import os
import re
import shlex
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.bin.corpus_places import check_roots, find_corpus
from speechbrain_ext.bin.options import ALL, command_parser, cores
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.training.methods import find_methods
from speechbrain_ext.training.table_names import RESERVED, table_files
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.folders import data_folder
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.repository import RECIPES
from speechbrain_ext.utils.yaml_text import keys_below

WIDTH, INDENT = 120, 29
HEAD = """\
{title}: from the corpus on disk to a table of results. Usage: ./run.sh [options] [-- --key value ...]

  stages  0 prepare: read and check the corpus, make the folds     1 features: compute and cache
          2 train every fold                                       3 evaluate: predictions, scores, vectors
          4 figures and the report page
"""
TAIL = """\
  -- --key value ...         hyper-parameters of the system
  -- --help                  its hyper-parameters with value, type, meaning and source, for --system and --preset
Features are cached in $SER_CACHE (.cache in the repository). Without a corpus everything runs on synthetic speech.
"""
SYSTEMS = RECIPES / "shared" / "systems"
COLUMNS_OF_CSV = "file,speaker,emotion[,gender,session,text,fold,partition]"


@dataclass(frozen=True)
class Recipe:
    """The settings of a recipe's run.sh.

    Attributes
    ----------
    folder : Path
    corpus, root_variable : str
        "" for any corpus that a CSV lists.
    default_system : str
    """

    folder: Path
    corpus: str
    root_variable: str
    default_system: str

    @property
    def systems(self) -> list[str]:
        """Names of the systems that the recipe has."""
        folders = (SYSTEMS, self.folder / "hparams", self.folder / "systems")
        return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})

    def presets(self, system: str) -> list[str] | None:
        """Names of the presets of a system; None where they can only be read with a YAML parser."""
        own = self.folder / "hparams" / f"{system}.yaml"
        texts = [own.read_text(encoding="utf-8", errors="replace")] if own.is_file() else []
        base = re.search(r"^system:[ \t]*(\w+)", texts[0], re.MULTILINE) if texts else None
        file = f"{base[1] if base else system}.yaml"
        places = (self.folder / "systems" / file, SYSTEMS / file)
        texts += [path.read_text(encoding="utf-8", errors="replace") for path in places if path.is_file()][:1]
        found = [keys_below(text, "presets") for text in texts]
        return None if None in found else ["paper", *dict.fromkeys(name for names in found for name in names or ())]

    @property
    def tables(self) -> list[str]:
        """Names of the papers' tables that the recipe has."""
        return list(table_files(self.folder))


def parse(recipe: Recipe, words: Sequence[str]) -> Namespace:
    """Parse the options of run.sh, and complete them with the recipe's settings.

    Raises
    ------
    UserError
        A value does not exist in this recipe, options exclude each other, or the corpus is not there.
    """
    parser = command_parser("run", None, prog="./run.sh")
    parser.set_defaults(exp=recipe.folder / "exp", data=recipe.folder / "data")
    parser.full_help = help_text(recipe)
    asked = parser.parse(words)
    asked.threads = asked.threads or max(1, cores() // (asked.jobs or cores()))
    asked.recipe, asked.root_variable = recipe.folder, recipe.root_variable
    if asked.stage > asked.stop_stage:
        raise UsageError(f"--stage {asked.stage} --stop-stage {asked.stop_stage}: no stage is in this range")
    if asked.shuffled_row and not asked.table:
        raise UsageError(
            "--shuffled-row adds a row to --table: name a table, or type -- --shuffle_labels True with --tag"
        )
    if asked.reference and not asked.table:
        raise UsageError("--reference names a row of --table: name a table too")
    if asked.verify and asked.no_audio_check:
        raise UsageError("--verify and --no-audio-check exclude each other: leave one out")
    _choose_system(recipe, asked)
    if asked.overrides == ["--help"]:
        return asked
    if asked.overrides and not asked.tag:
        raise UsageError("overrides need a name for their row: add --tag NAME before --")
    _choose_corpus(recipe, asked)
    _choose_further_corpora(recipe, asked)
    named = asked.source == "real" and not any(word.startswith("--corpus-root") for word in words)
    shown = [f"recipes/{recipe.folder.name}/run.sh", *(["--corpus-root", "DIR"] if named else []), *words]
    asked.command_line = shlex.join(shown)
    return asked


def help_text(recipe: Recipe) -> str:
    """The options of run.sh with the recipe's systems and tables."""
    more = {
        "system": f": {', '.join(recipe.systems)} ({recipe.default_system})",
        "table": f"; tables: {', '.join(recipe.tables) or 'none'}",
        "corpus-root": f"; or the variable {recipe.root_variable} (the mini corpus: synthetic)",
    }
    if not recipe.corpus:
        more["corpus-root"] = f": {COLUMNS_OF_CSV}, one utterance a line (needed)"
    text = HEAD.format(title=recipe.corpus or "A corpus that one CSV lists")
    for option in ALL:
        if "run" in option.commands:
            left = f"  --{option.name} {option.metavar}"
            right = textwrap.wrap(option.text + more.get(option.name, ""), WIDTH - INDENT)
            text += f"{left:<{INDENT - 1}} {right[0]}\n" + "".join(f"{'':{INDENT}}{line}\n" for line in right[1:])
    return text + TAIL


def _choose_system(recipe: Recipe, asked: Namespace) -> None:
    _one_of("system", asked.system or recipe.default_system, recipe.systems)
    if asked.table:
        _one_of("table", asked.table, recipe.tables)
        of_table = asked.table.partition("/")[0]
        if asked.system not in (None, of_table):
            raise UsageError(f"--system {asked.system}: --table {asked.table} is of {of_table}: leave it out")
        if asked.folds:
            raise UsageError("--folds does not go with --table: its rows are scored on all folds")
        asked.system = of_table
    elif RESERVED.match(asked.tag):
        raise UsageError(f"--tag {asked.tag}: such names are for the rows of --table: choose another")
    asked.system = asked.system or recipe.default_system
    presets = recipe.presets(asked.system)
    if presets is not None:
        _one_of("preset", asked.preset, presets)


def _choose_further_corpora(recipe: Recipe, asked: Namespace) -> None:
    """Find the corpora of --targets and --train-corpora, and make a fold of all data of --folds all-data."""
    asked.found_targets = [find_corpus(name) for name in asked.targets]
    asked.found_train_corpora = [find_corpus(name) for name in asked.train_corpora]
    if asked.folds == (ALL_DATA,):
        if asked.protocol != "paper" or asked.dev != "none":
            raise UsageError(f"--folds {ALL_DATA}: everything is trained on: leave --protocol and --dev out")
        asked.folds, asked.protocol = (), ALL_DATA
    find_methods(asked.methods)
    if asked.methods and not asked.targets:
        raise UsageError("--methods is for --targets: name some, or leave it out")
    if not (asked.targets or asked.train_corpora):
        for option, value in (("shared-classes", asked.shared_classes != "train"), ("class-map", asked.class_map)):
            if value:
                raise UsageError(f"--{option} is for --targets or --train-corpora: name some, or leave it out")
        return
    if asked.table:
        raise UsageError("--table does not go with --targets or --train-corpora: leave one of them out")
    names = [name for _, name, _ in asked.found_train_corpora]
    if names and (asked.corpus not in names or len(names) < 2):
        raise UsageError(f"--train-corpora {','.join(names)}: expected {asked.corpus} and at least one other corpus")
    if trained := {*names, asked.corpus} & {name for _, name, _ in asked.found_targets}:
        raise UsageError(f"--targets {trained.pop()}: it is trained on: leave it out")
    further = [place for place in (*asked.found_targets, *asked.found_train_corpora) if place[1] != asked.corpus]
    own = (recipe.folder, asked.corpus, asked.corpus_root if asked.source == "real" else "")
    check_roots("--targets and --train-corpora", [own, *further], "the variable of {}")


def _one_of(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        near = nearest(value, known)
        hint = f": did you mean {near}?" if near else ""
        raise UsageError(f"--{option} {value}: expected one of {', '.join(known) or 'none'}{hint}")


def _choose_corpus(recipe: Recipe, asked: Namespace) -> None:
    """Find out which corpus is asked for and where it is; without any it is the mini corpus."""
    asked.corpus_root = asked.corpus_root or os.environ.get(recipe.root_variable or " ", "")
    is_table = asked.corpus_root.lower().endswith(".csv")
    asked.corpus = recipe.corpus or Path(asked.corpus_root).name[: -len(".csv")]
    asked.source = "real"
    if not recipe.corpus and not is_table:
        found = f"{asked.corpus_root}: expected" if asked.corpus_root else "is missing: name"
        raise UsageError(
            f"--corpus-root {found} a CSV with the columns {COLUMNS_OF_CSV} (recipes/README.md); known corpora have "
            "recipes of their own"
        )
    if not asked.corpus:
        raise UsageError(f"--corpus-root {asked.corpus_root}: the corpus is named as its file: rename the file")
    if not asked.corpus_root:
        asked.source, asked.corpus_root = "mini", str(asked.data / "mini-corpus" / recipe.corpus)
    asked.prepared = data_folder(asked.data, asked.corpus, asked.source)
    is_prepared = (asked.prepared / "manifest.json").exists()
    if asked.source == "real" and asked.stage == 0 and asked.corpus_root != "download" and not is_prepared:
        _check_root(Path(asked.corpus_root).expanduser(), is_table)


def _check_root(root: Path, is_table: bool) -> None:
    """Refuse a corpus that is missing or empty, before an environment is built for it.

    Raises
    ------
    UserError
        Nothing is there, or nothing is in it.
    """
    kind = "a CSV" if is_table else "the corpus's folder, or a CSV that lists it"
    if not root.exists():
        raise UserError(f"--corpus-root {root}: expected {kind}, found nothing: name it with --corpus-root")
    if root.is_dir() == is_table:
        raise UserError(f"--corpus-root {root}: expected {kind}, found another: name it with --corpus-root")
    if is_table and root.is_file() and not root.read_bytes()[:65536].strip():
        raise UserError(f"{root}: empty, expected the columns {COLUMNS_OF_CSV} and a line for each utterance")
    if root.is_dir() and not any(root.iterdir()):
        raise UserError(f"--corpus-root {root}: empty, expected {kind}: name it with --corpus-root")
