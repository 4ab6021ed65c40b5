"""IEMOCAP's label files by hand, a few lines each."""

from __future__ import annotations

from pathlib import Path

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"
FIRST = """[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.0000, 3.0000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral; Anger;\t(curious; a bit: \u201cformal\u201d)
C-E4:\tNeutral state;\t()
C-F1:\tNeutral; Other;\t(shy)
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval 2; act 2; dom  4;\t(mirroring (the other); calm)
A-F1:\tval 3; act 2; dom  1;\t()
"""
SECOND = """[7.5712 - 10.4750]\tSes01F_impro01_M000\tfru\t[1.5000, 3.5000, 4.0000]
C-E2:\tFrustration;\t()
C-E3:\tFrustration;\t()
C-M1:\tAnger;\t()
A-E3:\tval 1; act 3; dom  4;\t()
"""


def label(root, text, dialog="Ses01F_impro01", **how):
    """Write a label file in its session's folder."""
    folder = Path(root) / f"Session{how.get('session', dialog[4])}" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True, exist_ok=True)
    content = text if isinstance(text, bytes) else text.encode("utf-8")
    (folder / f"{dialog}.txt").write_bytes(content)
    return folder


def wav(root, *names):
    for name in names:
        folder = Path(root) / f"Session{name[4]}" / "sentences" / "wav" / name.rpartition("_")[0].removeprefix("._")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.wav").write_bytes(b"")


def one(name, code="neu", votes="C-E1:\tNeutral;\t()\n"):
    return f"[1.0000 - 2.0000]\t{name}\t{code}\t[2.5000, 2.5000, 2.5000]\n{votes}\n"
