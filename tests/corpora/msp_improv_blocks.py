"""Lines of MSP-IMPROV's label file, and folders with and without it."""

ID = "MSP-IMPROV-S01A-F01-S-FM01"
HEAD = "UTD-IMPROV-S01A-F01-S-FM01.avi; N; A:3.000000; V:3.500000; D:2.000000 ; N:4.000000;"
RATER = "R-rater_id-1; Neutral; Concerned,Neutral; A:3.000000; V:4.000000; D:2.000000; N:5.000000;"
MAN = HEAD.replace("F01-S-FM01", "M01-S-MF01").replace("; N;", "; H;")
MAN_ID = "MSP-IMPROV-S01A-M01-S-MF01"


def block(*lines):
    return "".join(line + "\n" for line in (*lines, ""))


def write(root, text, name="Evalution.txt"):
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
