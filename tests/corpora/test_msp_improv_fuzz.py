"""Whatever is in MSP-IMPROV's label file: utterances, or our own error that names file and line."""

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from speechbrain_ext.corpora.labels import EMOTIONS
from speechbrain_ext.corpora.manifest import CorpusFaults
from speechbrain_ext.corpora.msp_improv import scan
from speechbrain_ext.utils.errors import UserError

NAMES = [f"UTD-IMPROV-S{n:02d}{e}-{s}0{n}-{p}-FM0{n}" for n, e, s, p in ((1, "A", "F", "S"), (2, "H", "M", "R"))]
RATERS = ["R-a_1; Happy; Excited,Happy; ", "b-2; Other; Concerned; ", "R-c; Sad; ; "]
SCORES = "A:3.000000; V:NaN; D:2.500000 ; N:5.000000;"
VALID = "".join(f"{name}.avi; X; {SCORES}\n" + "".join(r + SCORES + "\n" for r in RATERS) + "\n" for name in NAMES)
FAST = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
PIECES = st.sampled_from(
    [*";:,-\n\r\x0b\x85\u2028\x00\ufeff", "NaN", "inf", "-1", "1e9", "9" * 400, "R-", ".avi", "A:", *NAMES, *RATERS]
)


def check(content: bytes) -> None:
    """Scan a label file of this content; anything but a UserError fails."""
    with tempfile.TemporaryDirectory() as root:
        Path(root, "Evalution.txt").write_bytes(content)
        try:
            found = scan(root)
        except CorpusFaults as error:
            assert error.faults and len(str(error).splitlines()) == 1
            for fault in error.faults:
                number = fault.file.removeprefix("Evalution.txt line ")
                assert number.isascii() and number.isdigit() and int(number) >= 1
                assert fault.found and fault.expected
            found = error.utterances
        except UserError as error:
            raise AssertionError(f"file and line are not named: {error}") from error
    assert len({item.id for item in found}) == len(found)
    for item in found:
        assert item.label is None or item.label in EMOTIONS
        assert all(word in EMOTIONS for vote in item.votes for word in (*vote.labels, *vote.secondary))
        json.dumps(item.to_dict(), allow_nan=False)


def test_the_undamaged_file_is_read():
    check(VALID.encode())
    with tempfile.TemporaryDirectory() as root:
        Path(root, "Evalution.txt").write_text(VALID)
        assert [len(item.votes) for item in scan(root)] == [3, 3]


@FAST
@given(st.binary(max_size=300))
@example(VALID.encode("utf-16"))
@example(b"\xff\xfe")
def test_any_bytes(content):
    check(content)


@FAST
@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=30).map("".join))
def test_any_pieces(text):
    check(text.encode("utf-8", "surrogatepass"))


@FAST
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(1, 255)), min_size=1, max_size=6))
def test_flipped_bytes(flips):
    content = bytearray(VALID.encode())
    for place, mask in flips:
        content[place] ^= mask
    check(bytes(content))


@FAST
@given(st.lists(st.integers(0, VALID.count("\n") - 1), max_size=20), st.booleans())
def test_lines_in_any_order_lost_or_twice(order, crlf):
    lines = VALID.split("\n")
    check(("\r\n" if crlf else "\n").join(lines[number] for number in order).encode())


@FAST
@given(st.integers(0, len(VALID)), st.integers(0, 40), PIECES)
def test_a_piece_in_place_of_another(start, length, piece):
    check((VALID[:start] + piece + VALID[start + length :]).encode())
