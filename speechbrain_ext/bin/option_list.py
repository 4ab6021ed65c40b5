"""Every option of every command, declared once; imports no package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from speechbrain_ext.bin.parsing import (
    columns,
    corpora,
    factors,
    names,
    one_of,
    path,
    seeds,
    some_corpora,
    whole_number,
)
from speechbrain_ext.exchange import FORMATS
from speechbrain_ext.preparation.names import DEV_RULES, PROTOCOLS
from speechbrain_ext.report.tables.table_keys import COLUMNS, LATEX_COLUMNS
from speechbrain_ext.training.methods import METHODS
from speechbrain_ext.training.run_spec import PRECISIONS, SELECTIONS
from speechbrain_ext.utils.repository import RECIPES

RUN = ("run",)
STAGES = ("extract", "train", "evaluate")
RUNS = (*RUN, *STAGES)
MATRIX = ("cross_corpus",)
PREPARE = ("prepare",)
FOLDS = (*RUNS, *PREPARE, "export")
FIGURES = ("tsne", "mask_figure", "madd")
MOST_JOBS = 1024
FACTORS = "1.5,2,2.5,3,4,5,6,8,10,12,15,20,25,30,40,60"


@dataclass(frozen=True)
class Option:
    """An option of some commands.

    Attributes
    ----------
    name : str
        Without its dashes.
    commands : tuple of str
        Commands that have it.
    metavar : str
        What its value is called; "" for a flag.
    help : str
        One line, without the default.
    default
        Its value where it is not given.
    shown : str
        The default in words, where the value does not say it.
    kind : callable
        Reads the value.
    many : bool
        Whether it may be given several times; its value is then a list.
    """

    name: str
    commands: tuple[str, ...]
    metavar: str
    help: str
    default: Any = None
    shown: str = ""
    kind: Callable[[str], Any] = str
    many: bool = False

    @property
    def text(self) -> str:
        """The help with the default."""
        shown = self.shown or ("" if self.default in (None, "", ()) else str(self.default))
        return f"{self.help} ({shown})" if shown and self.metavar else self.help


ALL = (
    Option("stage", RUN, "N", "first stage", 0, kind=whole_number(0, 4)),
    Option("stop-stage", RUN, "N", "last stage", 4, kind=whole_number(0, 4)),
    Option("recipe", (*STAGES, *PREPARE, "keys", "keep"), "DIR", "a recipe's folder, such as recipes/EmoDB", kind=path),
    Option("system", (*RUNS, *PREPARE, "keys"), "NAME", "a system of the recipe"),
    Option(
        "preset", (*RUNS, *PREPARE, "keys"), "NAME", "paper; official: what the authors' code does differently", "paper"
    ),
    Option("tag", RUNS, "NAME", "a name for a run with overrides, needed when there are any", ""),
    Option(
        "targets", RUN, "LIST", "corpora that models are also scored on: recipes and CSV files", (), kind=some_corpora
    ),
    Option(
        "train-corpora", RUN, "LIST", "corpora trained on together, the recipe's own among them", (), kind=some_corpora
    ),
    Option("corpora", MATRIX, "LIST", "names of recipes and CSV files, with commas", (), kind=corpora),
    Option("systems", MATRIX, "LIST", "systems that all their recipes have", ("svm",), "svm", names),
    Option("dimensions", MATRIX, "LIST", "of valence, activation, dominance: CCC in place of classes", (), kind=names),
    Option(
        "methods",
        (*MATRIX, *RUN),
        "LIST",
        f"of {', '.join(METHODS)}; or all; dann@0.3 has another strength",
        (),
        "all across corpora; as-trained with --targets",
        names,
    ),
    Option("root", MATRIX, "CORPUS=DIR", "where a corpus is, once for each (also its variable)", many=True),
    Option(
        "shared-classes",
        (*MATRIX, *RUN),
        "NAME",
        "train: models of the shared classes alone; renormalise: of all classes, posteriors of the shared ones",
        "train",
        kind=one_of(("train", "renormalise")),
    ),
    Option("name", ("keep-matrix",), "NAME", "what the kept matrix is called"),
    Option("leave-one-out", MATRIX, "", "each corpus is also tested by models trained on all the others together"),
    Option(
        "class-map",
        (*MATRIX, *RUN),
        "FILE",
        "a JSON object by corpus: what its labels count as, null leaves out",
        kind=path,
    ),
    Option("corpus", (*PREPARE, "mini"), "NAME", "the corpus, such as EmoDB"),
    Option("corpus-root", (*RUN, *PREPARE, "madd"), "DIR", "the corpus as its owners ship it, or a CSV", ""),
    Option("source", PREPARE, "NAME", "what the folder holds: real, mini", "real", kind=one_of(("real", "mini"))),
    Option(
        "corpus-edition",
        (*RUN, *PREPARE),
        "TEXT",
        "what this copy is, when it is not as published",
        "",
        "recognised by counts and hours",
    ),
    Option(
        "label-map",
        (*RUN, *PREPARE),
        "FILE",
        "a JSON object: what emotions of a CSV mean that the vocabulary does not know",
        kind=path,
    ),
    Option(
        "protocol",
        (*FOLDS, *MATRIX),
        "NAME",
        f"{', '.join(PROTOCOLS)} (the folds of a CSV's column fold or partition), or paper: the system's own",
        "paper",
        kind=one_of(("paper", *PROTOCOLS)),
    ),
    Option("dev", FOLDS, "NAME", f"development part: {', '.join(DEV_RULES)}", "none", kind=one_of(DEV_RULES)),
    Option(
        "selection",
        RUNS,
        "NAME",
        "which epoch is scored: last, dev, test (optimistic)",
        None,
        "dev where there is a development part, else last",
        one_of(SELECTIONS),
    ),
    Option("folds", RUNS, "LIST", "names of folds, with commas; or all-data", (), "all", names),
    Option("fold-seed", FOLDS, "N", "seed of the split itself", 0, kind=whole_number(0)),
    Option(
        "seed", (*RUNS, *MATRIX), "N", "initialisation and order of training, never the folds", 1, kind=whole_number(0)
    ),
    Option("seeds", RUNS, "LIST", "several of them, such as 1,2,3", (), kind=seeds),
    Option("nproc", (*RUNS, "rank"), "N", "ranks (GPUs) of one training", 1, kind=whole_number(1, MOST_JOBS)),
    Option(
        "jobs",
        (*RUNS, *PREPARE, *MATRIX),
        "N",
        "worker processes",
        None,
        "cores; as many folds side by side as is fastest",
        whole_number(1, MOST_JOBS),
    ),
    Option(
        "threads",
        (*RUNS, *MATRIX),
        "N",
        "threads of each worker process",
        None,
        "cores / jobs; of a matrix 1",
        whole_number(1, MOST_JOBS),
    ),
    Option("device", (*RUNS, *MATRIX), "D", "cpu, cuda", "", "cuda where there is one"),
    Option("precision", RUNS, "P", f"of training: {', '.join(PRECISIONS)}", "fp32", kind=one_of(PRECISIONS)),
    Option("compile", RUNS, "", "torch.compile the model"),
    Option("table", (*RUNS, *PREPARE), "ID", "run every row of a paper's table and print it next to the paper's", ""),
    Option("shuffled-row", (*RUN,), "", "with --table: its last row once more, trained on shuffled labels"),
    Option("row", STAGES, "NAME", "the row of --table that is run", ""),
    Option(
        "columns",
        RUN,
        "LIST",
        f"columns of the table's LaTeX file, of {', '.join(COLUMNS)}",
        LATEX_COLUMNS,
        ",".join(LATEX_COLUMNS),
        columns(COLUMNS),
    ),
    Option(
        "reference",
        RUN,
        "NAME",
        "with --table: the row that its others are compared with",
        "",
        "the preset's, else the first",
    ),
    Option("paper", (*RUN, "page"), "", "draw figures for a paper too: PDF, no title, 3.4 in and 7 in wide, 8 pt"),
    Option(
        "exp", (*RUNS, "page", *MATRIX), "DIR", "where experiments are written", shown="exp in the recipe", kind=path
    ),
    Option(
        "data", (*FOLDS, *MATRIX), "DIR", "where manifests and folds are written", shown="data in the recipe", kind=path
    ),
    Option("cache", (*STAGES, "mask_figure", *MATRIX), "DIR", "the features' cache", "", "SER_CACHE, or .cache"),
    Option("wait", (*RUNS, *MATRIX), "", "wait for another run on the same experiment"),
    Option(
        "trust",
        (*RUNS, *PREPARE, "mask_figure", *MATRIX),
        "",
        "run the code that a YAML from outside this repository's recipes names; it is printed first",
    ),
    Option("no-audio-check", (*RUN, *PREPARE), "", "stage 0 leaves the audio unread"),
    Option("verify", (*RUN, *PREPARE), "", "stage 0 hashes all audio again, also files of the recorded size and time"),
    Option("force", (*RUNS, *PREPARE, *MATRIX), "", "redo what is there"),
    Option(
        "dry-run",
        (*RUN, *MATRIX),
        "",
        "print the plan: stages, folds, what is reused, hours (of trainings here, else of kept results)",
    ),
    Option(
        "out",
        ("page", "export", "import", "mini", "tsne", "mask_figure", "madd", *MATRIX),
        "PATH",
        "what to write",
        kind=path,
        many=True,
    ),
    Option("format", ("export", "import"), "NAME", f"whose files: {', '.join(FORMATS)}", kind=one_of(FORMATS)),
    Option("in", ("import",), "PATH", "the tool's folder; of nkululeko the CSV", kind=path),
    Option("audio-root", ("import",), "DIR", "what its files are relative to", None, "where its files lie", path),
    Option(
        "speakers", ("import",), "FILE", "a CSV key,speaker[,gender,session,text], where EmoBox names none", kind=path
    ),
    Option("run", ("tsne", "mask_figure"), "DIR", "the seed folder, exp/.../seed-<n>", kind=path, many=True),
    Option("fold", ("tsne", "mask_figure"), "NAME", "whose utterances; t-SNE: or all", "", "the first trained one"),
    Option("vectors", ("tsne",), "NAME", "embedding, or a name of the network's", (), "all of these", many=True),
    Option("utterance", ("mask_figure",), "ID", "a tested one", "", "that with the most silence between sounds"),
    Option(
        "factors",
        ("madd",),
        "LIST",
        "of the threshold",
        FACTORS,
        kind=factors,
    ),
    Option("window-samples", ("madd",), "N", "length of MADD's windows", 400, kind=whole_number(1)),
    Option("floor", ("madd",), "NAME", "nonzero, all", "nonzero", kind=one_of(("nonzero", "all"))),
    Option("label-times", ("madd",), "NAME", "end, start, both", "both", kind=one_of(("end", "start", "both"))),
    Option("pauses", ("madd",), "LIST", "labels that are pauses, with commas", ".", kind=str),
    Option(
        "unlabelled",
        ("madd",),
        "NAME",
        "how the stretch counts that no label covers: skip, pause, speech",
        "skip",
        kind=one_of(("skip", "pause", "speech")),
    ),
    Option("recipes", ("list",), "DIR", "the folder of all recipes", RECIPES, kind=path),
    Option("write", ("list",), "", "write recipes/README.md instead of printing it"),
)
