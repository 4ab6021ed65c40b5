"""Trained folders, their records, specifications and overrides, edited by hand."""

from __future__ import annotations

import os

from place import Place, case, done, refused, reseal


def phase_folder(place: Place):
    seed = place.copy_scored()
    return next(seed.glob("fold-03"))


@case("training")
def a_done_file_that_names_files_outside(place: Place):
    folder = phase_folder(place)
    for name in (
        "../../../../../../../victim/precious.txt",
        str(place.victim / "precious.txt"),
        "/dev/zero",
        "",
        "a\0b",
    ):
        reseal(folder / "done-egemaps.json", lambda record, name=name: record.update(files={name: "0" * 64}))
        refused(place.stage("evaluate"), "names of files in its folder", "--stage 2")
    done(place.stage("train"), "is trained again")
    done(place.stage("evaluate"))


@case("training")
def a_done_file_whose_hashes_are_none(place: Place):
    folder = phase_folder(place)
    for files in ([], {}, None, "x", {"model-egemaps.npz": 3}, {"model-egemaps.npz": None}):
        reseal(folder / "done-egemaps.json", lambda record, files=files: record.update(files=files))
        refused(place.stage("evaluate"), "done-egemaps.json", "--stage 2")
    done(place.stage("train"), "is trained again")


@case("training")
def a_done_file_without_its_facts(place: Place):
    folder = phase_folder(place)
    reseal(folder / "done-egemaps.json", lambda record: [record.pop(key) for key in list(record) if key != "files"])
    refused(place.stage("evaluate"), "done-egemaps.json", "--stage 2")
    done(place.stage("train"), "is trained again")
    done(place.stage("evaluate"))


@case("training")
def records_that_are_folders_fifos_or_endless(place: Place):
    folder = phase_folder(place)
    path = folder / "done-egemaps.json"
    for make in (os.mkfifo, os.mkdir, lambda name: os.symlink("/dev/zero", name)):
        path.unlink()
        make(path)
        refused(place.stage("evaluate"), "done-egemaps.json", "expected a regular file")
        os.rmdir(path) if path.is_dir() else path.unlink()
        path.write_text("{}")


@case("training")
def records_that_are_deep_or_half_characters(place: Place):
    folder = phase_folder(place)
    for text in ("[" * 100_000, '{"seal": "x", "a": "\\ud800"}', '{"seal": NaN}', "9" * 6000, "\0", "null", "[]"):
        (folder / "done-egemaps.json").write_text(text)
        refused(place.stage("evaluate"), "done-egemaps.json", "damaged")


@case("training")
def a_lock_that_is_a_link(place: Place):
    seed = place.copy_scored()
    for name in (seed / ".lock", seed / "fold-03/.lock"):
        name.unlink(missing_ok=True)
        name.symlink_to(place.victim / "precious.txt")
    refused(place.stage("evaluate"), ".lock", "remove it")
    refused(place.stage("train", "--force"), ".lock", "remove it")


@case("training")
def a_lock_that_is_a_fifo(place: Place):
    seed = place.copy_scored()
    (seed / ".lock").unlink(missing_ok=True)
    os.mkfifo(seed / ".lock")
    refused(place.stage("evaluate"), ".lock", "remove it")


@case("training")
def results_that_are_links(place: Place):
    seed = place.copy_scored()
    for path in seed.iterdir():
        if path.is_file() and path.name != ".lock":
            path.unlink()
            path.symlink_to(place.victim / "precious.txt")
    refused(place.stage("evaluate", "--force"), "damaged")
    refused(place.stage("train", "--force"), "remove the link")


@case("training")
def a_specification_of_other_folders(place: Place):
    seed = place.copy_scored()
    places = ("data", "exp", "cache", "recipe")
    for key in places:
        before = (seed / "spec.json").read_bytes()
        reseal(seed / "spec.json", lambda record, key=key: record.update({key: str(place.victim)}))
        outcome = place.call("mask_figure", "--run", seed, "--out", place.work / "x.png")
        refused(outcome)
        (seed / "spec.json").write_bytes(before)
    reseal(seed / "spec.json", lambda record: record.update(row="../../../../../victim", seed=10**30))
    refused(place.call("mask_figure", "--run", seed, "--out", place.work / "x.png"))


@case("training")
def a_model_of_other_numbers_resealed(place: Place):
    """A hash that fits does not make a file what it should be."""
    from speechbrain_ext.utils.files import sha256_file

    folder = phase_folder(place)
    for data in (b"", b"PK\x03\x04", b"\x93NUMPY", os.urandom(100)):
        (folder / "model-egemaps.npz").write_bytes(data)
        hashed = sha256_file(folder / "model-egemaps.npz")
        reseal(folder / "done-egemaps.json", lambda r, hashed=hashed: r["files"].update({"model-egemaps.npz": hashed}))
        refused(place.stage("evaluate", "--force"), "model-egemaps.npz")


@case("training")
def a_pickled_object_in_a_classifier(place: Place):
    import numpy as np

    from speechbrain_ext.utils.files import sha256_file

    class Hostile:
        def __reduce__(self):
            return os.mkdir, ("EXECUTED",)

    folder = phase_folder(place)
    np.savez(folder / "model-egemaps.npz", mean=np.array([Hostile()], dtype=object))
    hashed = sha256_file(folder / "model-egemaps.npz")
    reseal(folder / "done-egemaps.json", lambda r: r["files"].update({"model-egemaps.npz": hashed}))
    refused(place.stage("evaluate", "--force"), "model-egemaps.npz")
    assert not list(place.root.rglob("EXECUTED"))


@case("training")
def a_training_log_that_is_no_log(place: Place):
    from speechbrain_ext.utils.files import sha256_file

    folder = phase_folder(place)
    name = "train_log-egemaps.jsonl"
    for text in ("not JSON\n", "[]\n", '{"epoch": "x"}\n', "\xff\n"):
        (folder / name).write_bytes(text.encode("latin-1"))
        hashed = sha256_file(folder / name)
        reseal(folder / "done-egemaps.json", lambda r, hashed=hashed: r["files"].update({name: hashed}))
        outcome = place.stage("evaluate", "--force")
        assert outcome.status == 0 or outcome.last.startswith("error: ")
