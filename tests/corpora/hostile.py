"""Small corpora of each kind to put hostile files into, and calls that must not hang."""

from __future__ import annotations

import threading

import numpy as np
import soundfile

from speechbrain_ext.bin.prepare import main

KINDS = {"fifo": "a FIFO", "socket": "a socket", "device": "a device", "folder": "a folder", "link": "a device"}


def within(seconds, call, *words, **more):
    """Call in a thread: a test that hangs would hang the whole suite. Gives the error, or the result."""
    found = []

    def work():
        try:
            found.append(call(*words, **more))
        except BaseException as fault:
            found.append(fault)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it hangs"
    return found[0]


def write_wav(path, seed=0, peak=0.1, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-1, 1, 1600)
    soundfile.write(path, peak * samples / np.abs(samples).max(), 16000, **more)
    return path


EMODB = [f"{speaker}a01{letter}a" for speaker in ("03", "08") for letter in "WN"]


def emodb(folder):
    for seed, name in enumerate(EMODB):
        write_wav(folder / "wav" / f"{name}.wav", seed)
    return folder


def iemocap(folder):
    """Two label blocks a session, of a woman and a man, for two sessions."""
    number = 0
    for session in (1, 2):
        dialog = f"Ses0{session}F_impro01"
        blocks = []
        for turn, code in (("F000", "ang"), ("M000", "neu"), ("F001", "neu"), ("M001", "ang")):
            blocks.append(f"[1.0 - 2.0]\t{dialog}_{turn}\t{code}\t[2.5, 2.5, 2.5]\nC-E1:\tNeutral;\t()\n")
            write_wav(folder / f"Session{session}/sentences/wav/{dialog}/{dialog}_{turn}.wav", number)
            number += 1
        label = folder / f"Session{session}/dialog/EmoEvaluation/{dialog}.txt"
        label.parent.mkdir(parents=True)
        label.write_text("% header\n\n" + "\n".join(blocks))
    return folder


def msp_improv(folder):
    lines = []
    for number, speaker in enumerate(("F01", "M01", "F02", "M02")):
        for letter, code in (("A", "A"), ("N", "N")):
            name = f"S01{letter}-{speaker}-S-FM01"
            lines.append(f"UTD-IMPROV-{name}.avi; {code}; A:3.0; V:3.0; D:3.0; N:3.0;\n")
            wav = f"session{speaker[2]}/S01{letter}/S/MSP-IMPROV-{name}.wav"
            write_wav(folder / wav, 2 * number + (letter == "N"))
    (folder / "Evalution.txt").write_text("\n".join(lines))
    return folder


def table(folder):
    rows = ["file,speaker,emotion"]
    for number in range(8):
        write_wav(folder / f"{number}.wav", number)
        rows.append(f"{number}.wav,{'ab'[number % 2]},{('sad', 'angry')[number // 2 % 2]}")
    (folder / "my.csv").write_text("\n".join(rows) + "\n")
    return folder


CASES = {
    # corpus: writer, protocol, an audio file, another one, a label file, a damage of the labels, what it is told as
    "emodb": (emodb, "wav/03a01Wa.wav", "wav/08a01Na.wav", "wav/99a01Wa.wav", None, "speaker 99"),
    "iemocap": (
        iemocap,
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        "Session2/sentences/wav/Ses02F_impro01/Ses02F_impro01_M001.wav",
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",
        ("M000\tneu\t", "M000\tneuu\t"),
        "the emotion 'neuu'",
    ),
    "mspimprov": (
        msp_improv,
        "session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav",
        "session2/S01N/S/MSP-IMPROV-S01N-M02-S-FM01.wav",
        "Evalution.txt",
        ("M01-S-FM01.avi; N", "M01-S-FM01.avi; Q"),
        "the emotion 'Q'",
    ),
    "csv": (table, "0.wav", "7.wav", "my.csv", ("3.wav,b,angry", "3.wav,b,angrry"), "emotion 'angrry'"),
}


def prepare(key, root, *words):
    corpus, where = ("my", root / "my.csv") if key == "csv" else (key, root)
    options = ["--corpus", corpus, "--corpus-root", str(where), "--data", str(root.parent / "data")]
    main([*options, "--protocol", "speaker", "--jobs", "1", *words])


def damage_labels(key, root):
    path, change = root / CASES[key][3], CASES[key][4]
    if change is None:
        write_wav(path, 77)
        return
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))
