"""Names of speakers, folds, sessions, files and corpora."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from place import Place, case, done, emodb, refused, table, wav

WORDS = ("--protocol", "speaker")


@case("names")
def speakers_of_windows_and_of_all_scripts(place: Place):
    names = ["CON", "nul.txt", "😀😀", "عربي", "..", "~", "$(touch x)", "`id`", "%2e%2e%2f", "-rf", "a" * 5000]
    rows = []
    for number, name in enumerate(names):
        for take, word in enumerate(("sad", "angry")):
            wav(place.work / f"n{number}{take}.wav", 100 + 2 * number + take)
            rows.append(f"n{number}{take}.wav,{name},{word}")
    outcome = place.prepare(table(place.work, rows), *WORDS)
    done(outcome, "wrote")
    (path,) = place.work.glob("data/my-real/folds/*.json")
    assert {fold["name"] for fold in json.loads(path.read_text())["folds"]} == {"a", "b", *names}


@case("names")
def speakers_with_marks_that_are_not_printable(place: Place):
    marks = ["x\u202eb", "x\u200fb", "x\u0007b", "x\ufeffb", "x\u2028b"]
    path = table(place.work, [f"0.wav,{name},sad" for name in marks])
    refused(place.prepare(path, *WORDS), "5 faults", "printable")


@case("names")
def a_speaker_with_a_nul(place: Place):
    refused(place.prepare(table(place.work, ["0.wav,x\0y,sad"]), *WORDS), "my.csv")


@case("names")
def a_speaker_with_a_line_break_in_quotes(place: Place):
    refused(place.prepare(table(place.work, ['0.wav,"x\ny",sad']), *WORDS), "line 10", "printable")


@case("names")
def speakers_that_differ_by_case_or_composition(place: Place):
    rows = []
    for number, name in enumerate(("Anna", "anna", "é", "e\u0301")):
        for take, word in enumerate(("sad", "angry")):
            wav(place.work / f"n{number}{take}.wav", 100 + 2 * number + take)
            rows.append(f"n{number}{take}.wav,{name},{word}")
    done(place.prepare(table(place.work, rows), *WORDS), "wrote")


@case("names")
def audio_whose_name_is_not_utf_8(place: Place):
    root = emodb(place.work / "corpus")
    shutil.copy(root / "wav/03a01Wa.wav", os.fsencode(root / "wav") + b"/03a01Wa\xff.wav")
    refused(place.prepare(root, *WORDS), "03a01Wa", "UTF-8")


@case("names")
def a_corpus_folder_whose_name_is_not_utf_8(place: Place):
    emodb(place.work / "corpus")
    strange = Path(os.fsdecode(os.fsencode(place.work) + b"/c\xff"))
    os.rename(place.work / "corpus", strange)
    outcome = place.prepare(strange, *WORDS)
    refused(outcome, "UTF-8", status=2)
    assert not list(place.work.glob("data/*/manifest.json"))


@case("names")
def a_csv_named_as_a_path_or_a_device(place: Place):
    for name in ("CON.csv", "..csv", " .csv", "a;b$(x).csv", "é" * 100 + ".csv"):
        place.work.joinpath("data").exists() and shutil.rmtree(place.work / "data")
        outcome = place.prepare(table(place.work, name=name), *WORDS)
        if outcome.status == 2:
            refused(outcome, "--corpus: an empty value", status=2)
            assert name == " .csv"
        elif outcome.status:
            refused(outcome, "rename the file")
        else:
            (folder,) = (place.work / "data").iterdir()
            assert folder.name.isascii() and len(folder.name) < 60


@case("names")
def a_fold_column_of_paths(place: Place):
    rows = []
    for number, name in enumerate(("/etc/passwd", "../../../victim")):
        for take, word in enumerate(("sad", "angry")):
            wav(place.work / f"n{number}{take}.wav", 100 + 2 * number + take)
            rows.append(f"n{number}{take}.wav,s{number},{word},{name}")
    path = table(place.work, head="file,speaker,emotion,fold")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *rows]) + "\n")
    done(place.prepare(path, "--protocol", "given"), "wrote")
    for kind in ("emobox", "audformat", "nkululeko"):
        words = ["--format", kind, "--data", place.work / "data/my-real", "--protocol", "given"]
        done(place.call("exchange", "export", *words, "--out", place.work / "out" / kind), "wrote")
    assert not (place.work / "victim").exists()


@case("names")
def ids_that_are_paths_or_stand_twice(place: Place):
    for number in (10, 11, 12):
        wav(place.work / f"{number}.wav", number)
    rows = ["10.wav,a,sad,../../victim/x", "11.wav,a,sad,same", "12.wav,b,sad,same"]
    path = table(place.work, rows, head="file,speaker,emotion,id")
    refused(place.prepare(path, *WORDS), "1 faults", "the id same")
    path.write_text(path.read_text().replace("12.wav,b,sad,same", "12.wav,b,sad,/etc/x"))
    done(place.prepare(path, *WORDS), "wrote")
    done(
        place.call(
            "exchange", "export", "--format", "emobox", "--data", place.work / "data/my-real", "--out", place.work / "o"
        )
    )
