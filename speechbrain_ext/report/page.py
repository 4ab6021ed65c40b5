"""The report page of a corpus: every result below an experiment folder in one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.evaluation.breakdown import ClassScores, SpeakerScores, by_class, by_speaker, worst_speaker
from speechbrain_ext.evaluation.comparability import why_not_comparable
from speechbrain_ext.evaluation.facts import MARK_EXPLANATION
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.records import FoldResults, Results, Summary, epochs_text
from speechbrain_ext.evaluation.results_files import MAKE_RESULTS, read_results, read_summary
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.metrics.vote_divergence import FLOOR
from speechbrain_ext.report.across_corpora import across_corpora
from speechbrain_ext.report.figures.drawing import draw_file, draw_print, png_bytes
from speechbrain_ext.report.figures.overview import FoldGroup, build_forest, fold_groups, groups_warning
from speechbrain_ext.report.figures.run_figures import (
    PRINT_FOLDER,
    MoreFigures,
    draw_run,
    draw_run_for_paper,
    figures_of,
)
from speechbrain_ext.report.run_statistics import RunStatistics, run_statistics
from speechbrain_ext.report.score_columns import CLASS_COLUMNS, ScoreColumn, dimension_columns, main_score, score_name
from speechbrain_ext.utils import text
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_text
from speechbrain_ext.utils.folders import check_inside


@dataclass(frozen=True)
class Run:
    """A run on the page.

    Arguments
    ---------
    id : str
        Its anchor.
    folder : Path
        The folder of results.json.
    results : Results
    pngs : dict
        Its figures by name, as base64.
    """

    id: str
    folder: Path
    results: Results
    pngs: dict[str, str]

    @property
    def title(self) -> str:
        """Name, protocol and seed."""
        return f"{self.results.marked_name}: {self.results.protocol_name}, seed {self.results.seed}"

    @property
    def main(self) -> str:
        """Name and value of the run's main score."""
        name = main_score(self.results.target)
        return f"{score_name(name)} {self.results.target.number(self.results.pooled[name].value)}"

    @property
    def length(self) -> str:
        """How long it was trained."""
        words = f"{epochs_text([self.results])} epochs, trained" if self.results.has_epochs else "fitted"
        return f"{words} in {text.duration(self.results.training_seconds)}"

    @cached_property
    def why_no_paper(self) -> list[str]:
        """Why no paper's number is shown; empty where it is."""
        return why_not_comparable(self.results)

    @cached_property
    def classes(self) -> list[ClassScores]:
        """Scores of each class."""
        return by_class(self.results)

    @cached_property
    def speakers(self) -> list[SpeakerScores]:
        """Scores of each speaker."""
        return by_speaker(self.rows)

    @cached_property
    def rows(self) -> list[Prediction]:
        """Its predictions."""
        return read_predictions(self.folder / "predictions.csv")[0]

    @cached_property
    def statistics(self) -> RunStatistics:
        """Gaps, calibration and the distance from the votes, of a run on classes."""
        return run_statistics(self.folder, self.results, self.rows)

    @property
    def worst_speaker(self) -> str:
        """The one with the lowest UAR, where there is one."""
        return worst_speaker(self.speakers)

    @property
    def folds(self) -> list[FoldResults]:
        """Sorted by the numbers in the names."""
        return sorted(self.results.folds, key=lambda fold: text.natural_key(fold.name))


@dataclass(frozen=True)
class Part:
    """The part of the overview that shows runs on classes, or runs on dimensions.

    Arguments
    ---------
    columns : sequence of ScoreColumn
    groups : sequence of (title, runs)
        Runs that were tested on the same folds.
    """

    has_dimensions: bool
    columns: Sequence[ScoreColumn]
    groups: Sequence[tuple[str, Sequence[Run]]]
    warning: str


def write_report(folder: str | Path, out_path: str | Path, more_figures: MoreFigures | None = None) -> None:
    """Draw the figures of every run of a corpus into its folder, and write report.html.

    Arguments
    ---------
    folder : str or Path
        The folder exp/<CORPUS>-<source>, with <system>/<row>/<protocol>/seed-<n>/results.json below it.
    out_path : str or Path
        The page to write; it needs no other file and no network. Its overview is drawn as a PDF with the same stem.
    more_figures : callable
        Gives further figures of a run from its folder and its results.

    Raises
    ------
    UserError
        There is no result, a result cannot be read, or the folder has mini and real results.
    """
    folder = Path(folder)
    found = _find_results(folder)
    sources = sorted({results.source for _, results in found})
    if len(sources) > 1:
        raise UserError(f"{folder}: expected results of one source, found {', '.join(sources)}: move one of them away")
    runs = [_run(folder, path, results, more_figures) for path, results in found]
    of_classes = [run for run in runs if not run.results.has_dimensions]
    of_dimensions = [run for run in runs if run.results.has_dimensions]
    dimensions = [name for name in DIMENSIONS if any(name in run.results.target.names for run in of_dimensions)]
    parts = [_part(of_classes, CLASS_COLUMNS), _part(of_dimensions, dimension_columns(dimensions))]
    forest = [run.results for run in of_classes]
    names = list(dict.fromkeys(run.results.system for run in runs))
    environment = Environment(
        loader=PackageLoader("speechbrain_ext.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        runs=runs,
        systems={name: [run for run in runs if run.results.system == name] for name in names},
        summaries={name: _summaries(folder / name, runs) for name in names},
        anchor=_anchor,
        parts=[part for part in parts if part.groups],
        forest_png=_base64(png_bytes(build_forest, forest)) if forest else "",
        corpora=sorted({run.results.corpus_name for run in runs}),
        is_mini=sources == ["mini"],
        is_marked=any(run.results.differs_from_paper for run in runs),
        mark_explanation=MARK_EXPLANATION,
        main_score=main_score,
        score_name=score_name,
        text=text,
        vote_floor=FLOOR,
        across=across_corpora(folder),
    )
    write_text(out_path, page)
    if forest:
        draw_file(Path(out_path).with_suffix(".overview.pdf"), build_forest, forest)


def write_print_figures(folder: str | Path) -> list[Path]:
    """Draw the figures of every run for a paper, in a folder `paper` in the run's own, and the overview.

    Arguments
    ---------
    folder : str or Path
        The folder exp/<CORPUS>-<source>.
    """
    folder = Path(folder)
    found = _find_results(folder)
    paths = [drawn for path, results in found for drawn in draw_run_for_paper(folder, path.parent, results)]
    if forest := [results for _, results in found if not results.has_dimensions]:
        paths += draw_print(folder / PRINT_FOLDER / "overview", build_forest, forest)
    return paths


def _find_results(folder: Path) -> list[tuple[Path, Results]]:
    """Read the results below a folder; damaged ones are named and left out."""
    paths = sorted(folder.glob("*/*/*/seed-*/results.json"), key=_order)
    found = []
    for path in paths:
        try:
            found.append((path, read_results(path)))
        except UserError as fault:
            print(f"warning: {fault}; it is left out of the page", flush=True)
    if not found:
        place = "<system>/<row>/<protocol>/seed-<n>/results.json"
        state = "damaged ones only" if paths else "none"
        raise UserError(f"{folder}: expected {place}, found {state}: make one with: {MAKE_RESULTS}")
    return found


def _order(path: Path) -> tuple[object, ...]:
    *names, seed = path.parent.parts
    number = seed.removeprefix("seed-")
    return (*names, int(number) if number.isdigit() else 0, number)


def _run(folder: Path, path: Path, results: Results, more_figures: MoreFigures | None) -> Run:
    # A link, which a received folder may hold, must not lead the figures elsewhere.
    place = check_inside(folder, path.parent)
    more = more_figures(place, results) if more_figures else ()
    names = draw_run(place, [*figures_of(place, results), *more])
    pngs = {name: _base64((place / f"{name}.png").read_bytes()) for name in names}
    return Run(_anchor("run", place.relative_to(folder).as_posix()), place, results, pngs)


def _part(runs: Sequence[Run], columns: Sequence[ScoreColumn]) -> Part:
    groups: list[FoldGroup] = fold_groups([run.results for run in runs])
    shown = [(group.title, [runs[number] for number in group.numbers]) for group in groups]
    return Part(any(run.results.has_dimensions for run in runs), columns, shown, groups_warning(groups))


def _summaries(folder: Path, runs: Sequence[Run]) -> list[tuple[str, Summary]]:
    """Read each summary.json of more than one seed with its row's name; damaged ones are named and left out."""
    marked = {(run.results.system, run.results.row): run.results.marked(run.results.row) for run in runs}
    found = []
    for path in sorted(folder.glob("*/*/summary.json")):
        try:
            summary = read_summary(path)
        except UserError as fault:
            print(f"warning: {fault}; it is left out of the page", flush=True)
            continue
        if len(summary.seeds) > 1:
            found.append((marked.get((summary.system, summary.row), summary.row), summary))
    return found


def _anchor(kind: str, name: str) -> str:
    return f"{kind}-" + "".join(letter if letter.isalnum() else "-" for letter in name)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
