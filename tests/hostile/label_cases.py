"""Label files and folders of the known corpora, damaged on purpose."""

from __future__ import annotations

import os

from place import Place, case, done, emodb, refused, wav

WORDS = ("--protocol", "speaker")
TURNS = (("F000", "ang"), ("M000", "neu"), ("F001", "neu"), ("M001", "ang"))


def iemocap(place: Place):
    root, number = place.work / "corpus", 0
    for session in (1, 2):
        dialog, blocks = f"Ses0{session}F_impro01", []
        for turn, code in TURNS:
            blocks.append(f"[1.0 - 2.0]\t{dialog}_{turn}\t{code}\t[2.5, 2.5, 2.5]\nC-E1:\tNeutral;\t()\n")
            wav(root / f"Session{session}/sentences/wav/{dialog}/{dialog}_{turn}.wav", number)
            number += 1
        path = root / f"Session{session}/dialog/EmoEvaluation/{dialog}.txt"
        path.parent.mkdir(parents=True)
        path.write_text("% header\n\n" + "\n".join(blocks))
    return root, root / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", "iemocap"


def msp_improv(place: Place):
    root, lines, number = place.work / "corpus", [], 0
    for speaker in ("F01", "M01", "F02", "M02"):
        for letter in "AN":
            name = f"S01{letter}-{speaker}-S-FM01"
            lines.append(f"UTD-IMPROV-{name}.avi; {letter}; A:3.0; V:3.0; D:3.0; N:3.0;\n")
            wav(root / f"session{speaker[2]}/S01{letter}/S/MSP-IMPROV-{name}.wav", number)
            number += 1
    (root / "Evalution.txt").write_text("\n".join(lines))
    return root, root / "Evalution.txt", "mspimprov"


TREES = (iemocap, msp_improv)


def attack(place: Place, change, *parts: str, only=TREES):
    """Change the bytes of each corpus's label file; without parts, the corpus must still be read."""
    for number, tree in enumerate(only):
        os.makedirs(place.work / str(number))
        own = type("Own", (), {"work": place.work / str(number)})()
        root, path, corpus = tree(own)
        path.write_bytes(change(path.read_bytes()))
        outcome = place.prepare(root, *WORDS, "--force", corpus=corpus)
        if parts:
            refused(outcome, *parts)
        else:
            done(outcome, "8 utterances")


@case("labels")
def label_files_in_utf_16(place: Place):
    attack(place, lambda data: data.decode().encode("utf-16"), ".txt")


@case("labels")
def label_files_with_other_line_ends(place: Place):
    attack(place, lambda data: data.replace(b"\n", b"\r\n"))


@case("labels")
def label_files_with_old_line_ends_and_a_mark(place: Place):
    attack(place, lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r"))


@case("labels")
def label_files_that_are_empty_or_noise(place: Place):
    attack(place, lambda data: b"", "")
    for number in (0, 1):
        os.rename(place.work / str(number), place.work / f"first{number}")
    attack(place, lambda data: os.urandom(20_000), ".txt")


@case("labels")
def label_files_of_one_endless_line(place: Place):
    attack(place, lambda data: data + b"\nx" + b"[" * 5_000_000, ".txt")


@case("labels")
def a_thousand_raters(place: Place):
    lines = "".join(f"C-E{number}:\tNeutral;\t()\n" for number in range(2, 1000))
    attack(place, lambda data: data.replace(b"\nC-E1", ("\n" + lines + "C-E1").encode(), 1), only=[iemocap])
    lines = "".join(f"R-{number}; Neutral; Neutral; A:3; V:3; D:3; N:3;\n" for number in range(1000))
    os.rename(place.work / "0", place.work / "first")
    told_by = lambda data: data.replace(b"N:3.0;\n", b"N:3.0;\n" + lines.encode(), 1)  # noqa: E731
    attack(place, told_by, only=[msp_improv])


@case("labels")
def raters_that_are_paths(place: Place):
    attack(place, lambda data: data.replace(b"C-E1", b"C-../../victim", 1), "Ses01F_impro01.txt", only=[iemocap])
    os.rename(place.work / "0", place.work / "first")
    line = b"N:3.0;\n../../../victim; N; Neutral; A:3; V:3; D:3; N:3;\n"
    attack(place, lambda data: data.replace(b"N:3.0;\n", line, 1), "Evalution.txt", only=[msp_improv])


@case("labels")
def utterances_that_are_paths(place: Place):
    attack(
        place, lambda data: data.replace(b"Ses01F_impro01_F000", b"../../../victim_F000", 1), "victim", only=[iemocap]
    )
    os.rename(place.work / "0", place.work / "first")
    name = b"UTD-IMPROV-S01A-F01-S-FM01.avi"
    attack(place, lambda data: data.replace(name, b"../../victim.avi", 1), "victim", only=[msp_improv])


@case("labels")
def times_that_are_negative_or_no_times(place: Place):
    for number, times in enumerate((b"[-1.0 - 2.0]", b"[5.0 - 2.0]", b"[1e999 - 2]", b"[nan - nan]", b"[ - ]")):
        change = lambda data, times=times: data.replace(b"[1.0 - 2.0]", times, 1)  # noqa: E731
        attack(place, change, "Ses01F_impro01.txt", only=[iemocap])
        os.rename(place.work / "0", place.work / f"t{number}")


@case("labels")
def blocks_that_contradict_each_other(place: Place):
    attack(place, lambda data: data + b"\n\n" + data.replace(b"\tang\t", b"\tsad\t").replace(b"; A;", b"; S;"), ".txt")


@case("labels")
def a_tree_that_contains_itself(place: Place):
    for tree in TREES:
        root, _, corpus = tree(place)
        (root / "again").symlink_to(root)
        done(place.prepare(root, *WORDS, "--force", corpus=corpus), "8 utterances")
        os.rename(root, place.work / f"done-{corpus}")


@case("labels")
def emodb_in_folders_of_other_case_and_with_rubbish(place: Place):
    root = emodb(place.work / "corpus")
    for name in (".DS_Store", "Thumbs.db", "._03a01Wa.wav", "desktop.ini"):
        (root / "wav" / name).write_bytes(b"rubbish")
    done(place.prepare(root, *WORDS), "12 utterances")


@case("labels")
def emodb_names_that_are_nearly_right(place: Place):
    for name in (
        "03a01Wa.wav.wav",
        "03a01W.wav",
        "3a01Wa.wav",
        "03A01wa.wav",
        "03a01Xa.wav",
        "17a01Wa.wav",
        "03z99Wa.wav",
    ):
        root = emodb(place.work / name)
        wav(root / "wav" / name, 77)
        refused(place.prepare(root, *WORDS, "--force"), name)
