"""Whatever becomes of a label file: utterances come out, or our own error, naming file and line."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from speechbrain_ext.corpora.iemocap import scan
from speechbrain_ext.corpora.manifest import CorpusFaults, manifest_text
from speechbrain_ext.utils.errors import UserError

DIALOG = "Ses05M_script01_1b"
FILE = f"Session5/dialog/EmoEvaluation/{DIALOG}.txt"
VALID = f"""% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\t{DIALOG}_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral; Anger;\t(caf\u00e9)
C-E4:\tNeutral;\t()
C-F1:\tNeutral;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval ; act 3; dom  3;\t(mirroring)
A-F1:\tval 3; act 2; dom  1;\t()

[10.0100 - 11.3925]\t{DIALOG}_M000\txxx\t[2.5000, 2.5000, 5.5000]
C-E2:\tSadness;\t()
C-E3:\tFrustration;\t()
A-E3:\tval 3; act 2; dom  2;\t()
""".encode()
LINES = VALID.splitlines(keepends=True)
PIECES = [*(bytes([byte]) for byte in b"\n\r\t[];:()%-\x00"), b"C-E2:", b"A-F1:", b"xxx", b"1e9"]
USUAL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / FILE).parent.mkdir(parents=True)
    return folder


def check(root, content):
    """Scan the corpus that has this label file only; give the utterances that are right."""
    (root / FILE).write_bytes(content)
    notes = []
    try:
        utterances = scan(root, notes)
    except CorpusFaults as caught:
        last = max(content.count(b"\n") + content.count(b"\r"), 0) + 1
        for fault in caught.faults:
            match = re.fullmatch(re.escape(FILE) + " line ([0-9]+)", fault.file)
            assert match and 1 <= int(match[1]) <= last, fault
            assert fault.found and fault.expected and (fault.found + fault.expected).isprintable(), fault
        assert str(caught).isprintable()
        utterances = caught.utterances
    except UserError as caught:
        assert str(root) in str(caught) and "\n" not in str(caught)
        return []
    # what comes out can be written: no NaN, no name twice
    assert len(manifest_text(utterances).splitlines()) == len(utterances)
    assert all(note.isprintable() for note in notes)
    return utterances


@USUAL
@given(st.binary(max_size=400))
@example(b"\xff\xfe[\x001\x00")
@example(b"\xef\xbb\xbf")
def test_any_bytes(root, content):
    check(root, content)


@USUAL
@given(st.text(max_size=300), st.integers(0, len(LINES)))
def test_any_text_between_the_lines(root, text, place):
    check(root, b"".join([*LINES[:place], text.encode("utf-8", "surrogatepass"), *LINES[place:]]))


@USUAL
@given(st.data())
def test_lines_that_are_lost_doubled_or_moved(root, data):
    places = data.draw(st.lists(st.integers(0, len(LINES) - 1), max_size=24))
    utterances = check(root, b"".join(LINES[place] for place in places))
    assert {item.id for item in utterances} <= {f"{DIALOG}_F000", f"{DIALOG}_M000"}


@USUAL
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_bytes_that_flip(root, flips):
    content = bytearray(VALID)
    for place, value in flips:
        content[place] = value
    check(root, bytes(content))


@USUAL
@given(st.lists(st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), st.sampled_from(PIECES)), max_size=5))
def test_pieces_cut_out_and_put_in(root, edits):
    content = VALID
    for place, length, piece in edits:
        content = content[:place] + piece + content[place + length :]
    check(root, content)


@USUAL
@given(st.integers(0, len(VALID)))
def test_a_file_that_is_cut_off(root, length):
    utterances = check(root, VALID[:length])
    whole = {item.id: item for item in check(root, VALID)}
    for item in utterances:
        kept, full = (json.dumps([vote.labels for vote in each.votes]) for each in (item, whole[item.id]))
        assert full.startswith(kept[:-1].removesuffix("]"))
