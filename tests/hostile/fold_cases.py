"""Manifests and folds that somebody edited by hand and sealed again."""

from __future__ import annotations

import json

from place import Place, case, done, refused, reseal

from speechbrain_ext.utils.files import sha256_file


def folds_of(place: Place):
    place.copy_scored()
    (path,) = (place.work / "data/EmoDB-real/folds").glob("*.json")
    return path


def edit_manifest(place: Place, change):
    """Edit every record of the manifest, and seal it again."""
    place.copy_scored()
    folder = place.work / "data/EmoDB-real"
    records = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    for record in records:
        change(record)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    hashed = sha256_file(folder / "manifest.jsonl")
    reseal(folder / "manifest.json", lambda facts: facts.update(manifest_sha256=hashed))


@case("folds")
def tested_utterances_are_trained_on(place: Place):
    path = folds_of(place)
    reseal(path, lambda record: record["folds"][0]["train"].append(record["folds"][0]["test"][0]))
    for stage in ("train", "evaluate"):
        refused(place.stage(stage, "--force", tag="leak"), path.name, "--stage 0")


@case("folds")
def a_tested_speaker_is_trained_on(place: Place):
    path = folds_of(place)

    def leak(record):
        fold = record["folds"][0]
        fold["train"].append(fold["test"].pop())

    reseal(path, leak)
    refused(place.stage("train", "--force", tag="leak"), "speaker", "03")


@case("folds")
def folds_of_utterances_that_are_not_there(place: Place):
    path = folds_of(place)
    reseal(path, lambda record: record["folds"][0]["train"].append("../../../victim"))
    refused(place.stage("train", "--force", tag="leak"), path.name, "victim")


@case("folds")
def folds_of_other_kinds(place: Place):
    path = folds_of(place)
    before = path.read_bytes()
    for value in ([], {}, None, [None], [{"name": "x", "train": 3, "dev": [], "test": []}], [[]], "x"):
        reseal(path, lambda record, value=value: record.update(folds=value))
        refused(place.stage("train", tag="leak"), path.name)
        path.write_bytes(before)
    for value in (None, 3, "anger", [["anger"]], [1, 2]):
        reseal(path, lambda record, value=value: record.update(classes=value))
        refused(place.stage("train", tag="leak"), path.name)
        path.write_bytes(before)


@case("folds")
def two_folds_of_one_name(place: Place):
    path = folds_of(place)
    reseal(path, lambda record: record["folds"][1].update(name=record["folds"][0]["name"]))
    refused(place.stage("train", "--force", tag="leak"), path.name)


@case("folds")
def an_audit_that_says_less_than_the_folds(place: Place):
    """The folds of random5 share speakers: an audit that denies it would make numbers look speaker-independent."""
    from speechbrain_ext.preparation.audit import describe
    from speechbrain_ext.preparation.folds import read_folds

    path = folds_of(place)
    assert "sentences are in training and test" in describe(read_folds(path, "again").audit)
    reseal(path, lambda record: record["audit"].update(text_overlap={}))
    refused(place.stage("train", "--force", tag="leak"), path.name, "--stage 0")


@case("folds")
def audits_of_other_kinds(place: Place):
    path = folds_of(place)
    before = path.read_bytes()
    for change in ({"text_overlap": 3}, {"duplicate_audio": [["a"]]}, {"text_missing": {}}, {"more": {}}):
        reseal(path, lambda record, change=change: record["audit"].update(change))
        refused(place.stage("train", "--force", tag="leak"), path.name, "--stage 0")
        path.write_bytes(before)
    reseal(path, lambda record: record["audit"].pop("session_overlap"))
    refused(place.stage("train", "--force", tag="leak"), path.name, "--stage 0")


@case("folds")
def folds_of_another_corpus_or_protocol(place: Place):
    path = folds_of(place)
    for change in (
        {"corpus": "IEMOCAP"},
        {"protocol": "random5"},
        {"protocol": "../x"},
        {"dev": "speaker"},
        {"fold_seed": 7},
    ):
        before = path.read_bytes()
        reseal(path, lambda record, change=change: record.update(change))
        refused(place.stage("train", "--force", tag="leak"), path.name)
        path.write_bytes(before)


@case("folds")
def an_empty_training_part(place: Place):
    path = folds_of(place)
    for part in ("train", "test"):
        before = path.read_bytes()
        reseal(path, lambda record, part=part: record["folds"][0].update({part: []}))
        refused(place.stage("train", "--force", tag="leak"), path.name)
        path.write_bytes(before)


@case("folds")
def facts_without_their_keys(place: Place):
    place.copy_scored()
    path = place.work / "data/EmoDB-real/manifest.json"
    before = path.read_bytes()
    for key in ("labels", "source", "root", "corpus", "task", "edition", "manifest_sha256"):
        for value in (None, 3, []):
            reseal(path, lambda facts, key=key, value=value: facts.update({key: value}))
            for stage in ("extract", "train", "evaluate"):
                refused(place.stage(stage, tag="other"))
            path.write_bytes(before)
        reseal(path, lambda facts, key=key: facts.pop(key))
        refused(place.stage("train", tag="other"))
        path.write_bytes(before)


@case("folds")
def a_manifest_of_strange_values(place: Place):
    changes = {
        "num_samples": "many", "sample_rate_hz": 0, "sha256": 3, "start_s": "x", "speaker": "", "votes": 3, "extra": [],
        "vad": ["x"], "text_id": {}, "gender": 5, "session": [1],
    }  # fmt: skip
    for key, value in changes.items():
        edit_manifest(place, lambda record, key=key, value=value: record.update({key: value}))
        refused(place.stage("train", tag="other"), "manifest.jsonl")


@case("folds")
def a_manifest_that_names_audio_outside(place: Place):
    """Such audio is read only where its samples are those that were measured."""
    edit_manifest(place, lambda record: record.update(wav="/dev/zero"))
    refused(place.stage("extract", tag="other"), "changed since stage 0", "/dev/zero")


@case("folds")
def a_manifest_of_another_speaker(place: Place):
    """The folds were made for other speakers: the audit finds it."""
    edit_manifest(place, lambda record: record.update(speaker="the same"))
    refused(place.stage("train", tag="other"), "speaker", "the same")


@case("folds")
def stage_0_again_after_an_edit_of_the_folds(place: Place):
    path = folds_of(place)
    before = path.read_bytes()
    reseal(path, lambda record: record["folds"].pop())
    root = place.work / "corpus"
    words = ["--protocol", "speaker", "--corpus-edition", "a copy for tests", "--recipe"]
    recipe = [words[-1], str(__file__).partition("/tests/")[0] + "/recipes/EmoDB", "--system", "svm"]
    keys = ["--", "--variant", "egemaps", "--classes", "[anger, neutral]"]
    outcome = place.prepare(root, *words[:-1], *recipe, *keys)
    refused(outcome, "made from")
    outcome = place.prepare(root, "--force", *words[:-1], *recipe, *keys)
    done(outcome, "wrote")
    assert len(json.loads(path.read_text())["folds"]) == len(json.loads(before)["folds"])
