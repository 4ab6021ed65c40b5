"""Kept results and the RESULTS.md that is generated from them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from report_folders import PAPER, edited, plausible_results, write_run

from speechbrain_ext.bin.report import main
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.results_json import results_to_json
from speechbrain_ext.report.results_md import keep, results_md, without_paths
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, write_sealed


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes" / "EmoDB"
    folder.mkdir(parents=True)
    return folder


def _rows(text: str, first: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_an_empty_recipe_says_how_to_make_a_row(recipe: Path) -> None:
    main(["results-md", str(recipe)])
    text = (recipe / "RESULTS.md").read_text(encoding="utf-8")
    assert "There is no row yet" in text and "report keep" in text and "--corpus-root DIR" in text
    assert "|" not in text


def test_keep_copies_and_regenerates(recipe: Path, tmp_path: Path) -> None:
    command = "./run.sh --corpus-root /disk/EmoDB --stage 0 --stop-stage 4"
    seed = write_run(tmp_path, protocol="random5", paper=PAPER, command=command, hparams={"root": "/disk/x"})
    kept = keep(seed, recipe)
    assert kept == recipe / "results/as-published/amsnet.default.random5.seed1.json"
    assert "/home" not in kept.read_text(encoding="utf-8")
    text = (recipe / "RESULTS.md").read_text(encoding="utf-8")
    assert "/home" not in text
    assert "`./run.sh --corpus-root DIR --stage 0 --stop-stage 4`" in text
    assert "## EmoDB, as published" in text and "### random5 (speaker-dependent)" in text
    pooled = plausible_results(protocol="random5").pooled
    [here] = _rows(text, "Here")
    low, high = pooled["uar"].interval
    assert here[4] == f"{100 * pooled['uar'].value:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
    assert here[7:] == ["1", "last", "200", "0123abc"]
    [paper] = _rows(text, "Paper")
    assert paper[2:7] == ["amsnet/5, AMSNet", "–", "–", "88.34", "88.56"]
    assert text.index("| Paper |") < text.index("| Here |")
    assert results_md(recipe) == text


def test_a_copy_stands_apart_and_without_the_paper(recipe: Path, tmp_path: Path) -> None:
    for number, edition in enumerate(("EmoDB (2 s copy)", "as published", "not as published: 535 utterances, 0.29 h")):
        keep(write_run(tmp_path / str(number), protocol="random5", paper=PAPER, edition=edition), recipe)
    published, *copies = results_md(recipe).split("\n## ")[1:]
    assert published.startswith("EmoDB, as published") and "88.34" in published and "This copy" not in published
    assert [copy.splitlines()[0] for copy in copies] == [
        "EmoDB (2 s copy)",
        "EmoDB, not as published: 535 utterances, 0.29 h",
    ]
    assert all("88.34" not in copy and "This copy is not the corpus as published" in copy for copy in copies)


def test_seeds_stand_each_in_a_row_and_together(recipe: Path, tmp_path: Path) -> None:
    for seed in (2, 1, 10):
        keep(write_run(tmp_path, seed=seed, selection="test"), recipe)
    rows = _rows(results_md(recipe), "Here")
    assert [row[7] for row in rows] == ["1", "2", "10", "mean ± std of 1, 2, 10"]
    assert rows[0][8] == "test (optimistic)"
    mean = sum(plausible_results(seed=seed).pooled["wa"].value for seed in (1, 2, 10)) / 3
    assert rows[3][3].startswith(f"{100 * mean:.2f} ± ")


def test_order_of_keeping_plays_no_part(recipe: Path, tmp_path: Path) -> None:
    runs = [write_run(tmp_path, protocol=protocol, seed=seed) for protocol in ("speaker", "random5") for seed in (1, 2)]
    for run in runs:
        keep(run, recipe)
    before = (recipe / "RESULTS.md").read_bytes()
    for run in runs[::-1]:
        keep(run, recipe)
    assert (recipe / "RESULTS.md").read_bytes() == before
    assert before.index(b"### random5") < before.index(b"### speaker")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": "mini", "edition": "mini corpus"}, "found source mini"),
        ({"corpus": "IEMOCAP"}, "expected a result of EmoDB, found IEMOCAP"),
        ({"folds_of_protocol": 12}, "expected all 12 folds, found 10"),
    ],
)
def test_what_may_not_be_kept(recipe: Path, tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        keep(write_run(tmp_path, **changes), recipe)
    assert list(recipe.iterdir()) == []


def test_a_mini_result_put_there_by_hand_is_refused(recipe: Path, tmp_path: Path) -> None:
    kept = keep(write_run(tmp_path), recipe)
    results = read_results(kept)
    write_sealed(kept, results_to_json(results) | {"source": "mini"})
    with pytest.raises(UserError, match="found source mini"):
        results_md(recipe)
    write_sealed(kept, results_to_json(results) | {"seed": 5})
    with pytest.raises(UserError, match="expected the name as-published/amsnet.default.speaker.seed5.json"):
        results_md(recipe)


def test_predictions_are_kept_and_the_development_rule_is_in_the_name(recipe: Path, tmp_path: Path) -> None:
    seed = write_run(tmp_path, dev="fraction", selection="dev")
    kept = keep(seed, recipe)
    assert kept.name == "amsnet.default.speaker.dev-fraction.seed1.json"
    assert kept.with_suffix(".csv").read_bytes() == (seed / "predictions.csv").read_bytes()
    assert read_results(kept).sha256 == hashlib.sha256((seed / "predictions.csv").read_bytes()).hexdigest()
    assert keep(write_run(tmp_path), recipe) != kept


@pytest.mark.parametrize("place", ["run", "kept"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda results: results["pooled"].update(uar=results["pooled"]["uar"] + 0.01),
        lambda results: results["mean"].update(wa=results["mean"]["wa"] + 1e-12),
        lambda results: results["folds"][3].update(uar=0.99),
        lambda results: results["folds"][3].update(speakers_test=["03"]),
        lambda results: results["folds"].pop(),
        lambda results: results.update(classes=results["classes"][::-1]),
    ],
)
def test_scores_that_are_not_those_of_the_predictions_are_refused(recipe: Path, tmp_path: Path, spoil, place) -> None:
    seed = write_run(tmp_path)
    path = seed / "results.json" if place == "run" else keep(seed, recipe)
    results = edited(read_results(path), spoil)
    write_sealed(path, results_to_json(results))
    with pytest.raises(DamagedFile, match="expected the scores of .*csv, found others"):
        keep(seed, recipe) if place == "run" else results_md(recipe)


def test_intervals_of_an_earlier_version_are_refused_and_computed_again(recipe: Path, tmp_path: Path, capsys) -> None:
    seed = write_run(tmp_path)
    kept = keep(seed, recipe)
    right, page = kept.read_bytes(), (recipe / "RESULTS.md").read_bytes()
    for path in (kept, seed / "results.json"):
        old = edited(read_results(path), lambda results: results["pooled"].update(uar_ci95=[0.1, 0.9]))
        write_sealed(path, results_to_json(old))
    with pytest.raises(DamagedFile, match=r"pooled uar_ci95 is \[0.1, 0.9\].* with: ./run.sh --stage 3"):
        keep(seed, recipe)
    with pytest.raises(DamagedFile, match=f"those of an earlier version.*report recompute {recipe}$"):
        results_md(recipe)
    main(["recompute", str(recipe)])
    assert (kept.read_bytes(), (recipe / "RESULTS.md").read_bytes()) == (right, page)
    main(["recompute", str(recipe)])
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "computed again",
        f"wrote {recipe / 'RESULTS.md'}",
        "unchanged",
        f"wrote {recipe / 'RESULTS.md'}",
    ]
    spoilt = edited(read_results(kept), lambda results: results["pooled"].update(uar=0.5))
    write_sealed(kept, results_to_json(spoilt))
    with pytest.raises(DamagedFile, match="pooled uar is 0.5, computed again"):
        main(["recompute", str(recipe)])


def test_predictions_edited_after_scoring_are_refused(recipe: Path, tmp_path: Path) -> None:
    seed = write_run(tmp_path)
    kept = keep(seed, recipe)
    for path, read in ((kept.with_suffix(".csv"), lambda: results_md(recipe)), (seed / "predictions.csv", keep)):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
        with pytest.raises(DamagedFile, match=f"{path.name}: damaged or edited"):
            read(seed, recipe) if read is keep else read()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--exp '/my data/x' --seed 1", "--exp DIR --seed 1"),
        ("--exp=/tmp/x, then", "--exp=DIR, then"),
        ("~/corpora/EmoDB", "DIR"),
        ("C:\\corpora\\EmoDB", "DIR"),
        ("./run.sh recipes/EmoDB 4/5 WA / UAR and/or", "./run.sh recipes/EmoDB 4/5 WA / UAR and/or"),
        ("facebook/wav2vec2-base, https://a.org/b/c", "facebook/wav2vec2-base, https://a.org/b/c"),
    ],
)
def test_paths_of_the_machine(text: str, expected: str) -> None:
    assert without_paths([{"a": text}, 1, None]) == [{"a": expected}, 1, None]


def test_a_bar_in_a_name_does_not_break_the_table(recipe: Path, tmp_path: Path) -> None:
    keep(write_run(tmp_path, paper=PAPER | {"row": "a|b\nc"}), recipe)
    assert "| amsnet/5, a\\|b c |" in results_md(recipe)


def test_command_finds_the_recipe_or_says_so(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = write_run(tmp_path)
    monkeypatch.setattr("speechbrain_ext.report.kept.RECIPES", recipe.parent)
    main(["keep", str(seed)])
    assert (recipe / "RESULTS.md").exists()
    with pytest.raises(UserError, match="name it with --recipe"):
        main(["keep", str(seed), "--recipe", str(tmp_path / "none")])


@pytest.mark.parametrize("arguments", [["--help"], ["page", "--help"], ["keep", "--help"]])
def test_help_is_light(arguments: list[str]) -> None:
    heavy = "torch", "matplotlib", "sklearn", "numpy"
    code = (
        "import sys\nfrom speechbrain_ext.bin.report import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit as end:\n"
        f"    print('status', end.code, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "status 0 []"


def test_unknown_option_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "speechbrain_ext.bin.report", "page", "--ouf", "x"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
