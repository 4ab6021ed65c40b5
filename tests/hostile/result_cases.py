"""Results, predictions, kept results and pages, edited by hand and sealed again."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from place import Place, case, clear_fault, done, refused, reseal

from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.report.tables.table_text import escape_latex
from speechbrain_ext.utils.errors import UserError

XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


def recipe_of(place: Place) -> Path:
    """A copy of a recipe, to keep results in; it lies outside the repository."""
    recipe = place.work / "recipes/EmoDB"
    if not recipe.exists():
        shutil.copytree(Path(__file__).resolve().parents[2] / "recipes", place.work / "recipes")
    return recipe


def keep(place: Place, seed: Path):
    return place.call("report", "keep", seed, "--recipe", recipe_of(place))


def page(place: Place):
    exp = place.work / "exp/EmoDB-real"
    return place.call("report", "page", "--exp", exp, "--out", place.work / "report.html")


@case("results")
def an_edition_of_other_letters(place: Place):
    """A name that has no letter of ours must not make a kept result's path absolute."""
    seed, recipe = place.copy_scored(), recipe_of(place)
    for number, edition in enumerate(("日本語", "../..", "/", "...", "é" * 400, "x" * 400)):
        reseal(seed / "results.json", lambda record, edition=edition: record.update(edition=edition))
        outcome = keep(place, seed)
        done(outcome, "kept")
        kept = Path(outcome.out.split("kept ")[1].splitlines()[0])
        assert kept.exists() and (recipe / "results") in kept.parents, (number, kept)
        assert len(kept.relative_to(recipe / "results").parts) == 2


@case("results")
def a_row_or_system_that_is_a_path(place: Place):
    seed = place.copy_scored()
    before = (seed / "results.json").read_bytes()
    for key in ("row", "system", "protocol", "dev", "seed"):
        for value in ("../../../../../victim/x", "/victim", "a/b", "..", "a\nb", "x" * 300, "", None, 3.5, [1]):
            reseal(seed / "results.json", lambda record, key=key, value=value: record.update({key: value}))
            refused(keep(place, seed), "results.json")
            (seed / "results.json").write_bytes(before)


@case("results")
def a_corpus_that_is_a_path(place: Place):
    seed = place.copy_scored()
    for value in ("../../victim", "/", "..", "", None, ["EmoDB"], "EmoDB/results"):
        reseal(seed / "results.json", lambda record, value=value: record.update(corpus=value))
        refused(place.call("report", "keep", seed))
        refused(keep(place, seed))


@case("results")
def a_folder_without_results_or_of_something_else(place: Place):
    for where in (place.victim, place.victim / "precious.txt", "/nowhere", "/dev/null", "/proc/self"):
        refused(place.call("report", "keep", where, "--recipe", recipe_of(place)))
    refused(place.call("report", "keep", "", "--recipe", recipe_of(place)), "exp", status=2)


@case("results")
def results_whose_files_are_no_files(place: Place):
    seed = place.copy_scored()
    for name in ("results.json", "predictions.csv"):
        before = (seed / name).read_bytes()
        for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)):
            (seed / name).unlink()
            make(seed / name)
            refused(keep(place, seed), name)
            refused(page(place), "damaged ones only")
            (seed / name).rmdir() if (seed / name).is_dir() else (seed / name).unlink()
            (seed / name).write_bytes(before)


@case("results")
def scores_that_are_better_than_their_predictions(place: Place):
    seed = place.copy_scored()
    reseal(seed / "results.json", lambda record: record["pooled"].update(wa=0.5))
    refused(keep(place, seed), "results.json", "computed again")


@case("results", slow=True)
def results_with_missing_or_strange_values(place: Place):
    """The page leaves such a result out by name; nothing is kept."""
    seed = place.copy_scored()
    before = (seed / "results.json").read_bytes()
    keys = list(json.loads(before))
    for key in keys:
        if key in ("seal", "sha256", "schema"):
            continue
        values = [None, 3, 1e308, [], {}, [None], {"x": "y"}]
        for value in [*values, KeyError]:
            change = (lambda r, k=key: r.pop(k)) if value is KeyError else (lambda r, k=key, v=value: r.update({k: v}))
            reseal(seed / "results.json", change)
            try:
                read_results(seed / "results.json")
            except UserError as fault:
                assert "\n" not in str(fault) and key in str(fault)
                continue
            for outcome in (page(place), keep(place, seed)):
                assert outcome.status in (0, 1), (key, value, outcome.err)
                if outcome.status:
                    refused(outcome)
        (seed / "results.json").write_bytes(before)


@case("results")
def numbers_that_no_page_can_show(place: Place):
    seed = place.copy_scored()
    before = (seed / "results.json").read_bytes()
    for value in (1e308, -1e308, 10**400, -1, "99 %", None, [1], True):
        for key in ("wa", "uar", "macro_f1", "ece", "n"):
            reseal(seed / "results.json", lambda record, key=key, value=value: record["pooled"].update({key: value}))
            try:
                read_results(seed / "results.json")
            except UserError as fault:
                assert "\n" not in str(fault) and key in str(fault)
            else:
                done(page(place))
                refused(keep(place, seed))
            (seed / "results.json").write_bytes(before)


@case("results")
def names_that_are_html(place: Place):
    seed = place.copy_scored()

    def change(record):
        record.update(row=XSS.replace("/", ""), edition=XSS, command=XSS, system="svm", warnings=[XSS])
        record["versions"][XSS] = XSS
        record["hparams"][XSS] = XSS
        for fold in record["folds"]:
            fold["name"] = XSS + fold["name"]

    reseal(seed / "results.json", change)
    outcome = page(place)
    done(outcome, "wrote")
    text = (place.work / "report.html").read_text()
    assert "alert(1)" in text and "<script>alert" not in text and "<img src=x" not in text
    assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", text)


@case("results")
def names_that_are_latex_or_markdown(place: Place):
    text = r"\input{/etc/passwd} \write18{id} $x$ % # & _ ^ ~ {} --"
    found = escape_latex(text)
    plain = found.replace(r"\textbackslash{}", "").replace(r"\textasciicircum{}", "").replace(r"\textasciitilde{}", "")
    assert not re.search(r"(?<!\\)[%$#&_{}^~]", plain.replace("-{}-", "").replace("{[}", "").replace("{]}", ""))
    assert r"\input" not in found and r"\write" not in found
    seed = place.copy_scored()
    hostile = "x`\n# Another heading\n| a | row |\n`"
    reseal(seed / "results.json", lambda record: record.update(command=hostile, warnings=[hostile]))
    done(keep(place, seed), "kept")
    lines = (recipe_of(place) / "RESULTS.md").read_text().splitlines()
    assert "# Another heading" not in lines and not any(line.startswith("| a | row") for line in lines)


@case("results")
def kept_results_that_were_put_there(place: Place):
    seed, recipe = place.copy_scored(), recipe_of(place)
    done(keep(place, seed))
    kept = next((recipe / "results").glob("*/svm.small*.json"))
    (kept.parent / "foreign.json").write_text("{}")
    refused(place.call("report", "results-md", recipe), "foreign.json")
    (kept.parent / "foreign.json").unlink()
    os.rename(kept, kept.with_name("svm.better.json"))
    refused(place.call("report", "results-md", recipe), "svm.better")


@case("results")
def pages_in_places_that_cannot_be(place: Place):
    place.copy_scored()
    exp = place.work / "exp/EmoDB-real"
    (place.work / "folder").mkdir()
    for out in (place.work / "folder", "/proc/report.html", "/dev/full/x", f"{exp}/{'x' * 300}.html"):
        refused(place.call("report", "page", "--exp", exp, "--out", out))
    for out in ("a\0b", ""):
        refused(place.call("report", "page", "--exp", exp, "--out", out), status=2)
    for where in ("/nowhere", place.victim):
        refused(place.call("report", "page", "--exp", where, "--out", place.work / "report.html"))


@case("results")
def vectors_that_claim_much_or_hold_objects(place: Place):
    import numpy as np

    from speechbrain_ext.evaluation.vectors import read_vectors

    seed = place.copy_scored()
    path = seed / "embeddings.npz"
    keys = {key: np.array(["a"]) for key in ("id", "fold", "label")}
    np.savez(path, **keys, embedding=np.array([[object()]], dtype=object))
    with clear_fault("embeddings.npz"):
        read_vectors(path)
    np.savez(path, **keys, embedding=np.zeros((1, 3), "f4"))
    packed = path.read_bytes().replace(b"(1, 3)", b"(9**9,)").replace(b"'shape': (1,)", b"'shape': (9,)")
    path.write_bytes(packed)
    with clear_fault("embeddings.npz"):
        read_vectors(path)


@case("results")
def a_summary_that_is_no_summary(place: Place):
    seed = place.copy_scored()
    path = seed.parent / "summary.json"
    for change in ({"seeds": 3}, {"pooled": None}, {"row": [1]}, {"protocol": None}, {"seeds": [1, 2], "pooled": {}}):
        before = path.read_bytes()
        reseal(path, lambda record, change=change: record.update(change))
        outcome = page(place)
        assert outcome.status == 0 or outcome.last.startswith("error: "), outcome.err
        path.write_bytes(before)


@case("results")
def figures_for_a_paper_through_a_link(place: Place):
    seed = place.copy_scored()
    (seed / "paper").symlink_to(place.victim / "folder")
    exp = place.work / "exp/EmoDB-real"
    refused(place.call("report", "page", "--exp", exp, "--out", place.work / "r.html", "--paper"), "remove the link")


@case("results", slow=True)
def records_of_folds_that_are_none(place: Place):
    """The curves of a fold come from a log that its record names."""
    seed = place.copy_scored()
    for text in (
        "[]",
        "null",
        "{",
        '{"phases": {"egemaps": "../../../../../../../victim"}}',
        '{"phases": 3}',
        "[" * 99_999,
    ):
        (seed / "fold-03/fold.json").write_text(text)
        exp = place.work / "exp/EmoDB-real"
        outcome = place.call("report", "page", "--exp", exp, "--out", place.work / "r.html", "--paper")
        assert outcome.status == 0 or outcome.last.startswith("error: "), outcome.err
