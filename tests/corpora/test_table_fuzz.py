"""Whatever a CSV holds, it is read, or refused with our own error that names file and line."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechbrain_ext.corpora.manifest import CorpusFaults, manifest_text
from speechbrain_ext.corpora.table import COLUMNS, corpus_of, scan_table
from speechbrain_ext.utils.errors import UserError

BOUNDED = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
LINES = [
    "file,speaker,emotion,gender,session,text,fold,partition,id,valence,activation,dominance,start,end",
    "a/one.wav,03,Angry,F,1,t1,1,,,1,2,3,0,1.5",
    "a/one.wav,03,hap,F,1,t1,1,,,,,,1.5,",
    '"b,c.wav",04,sad,male,2,t2,,test,own,5,4.5,NaN,,',
]
CELLS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", "..", "/", ".", "..wav", "a/..", "1e400", "-0", "0 days 99:99:99", "NaN", "\x00", '"', "F", "sad"]
    ),
)


def check(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        manifest_text(scan_table(path, "My", []))
        corpus_of(path)
    except CorpusFaults as found:
        assert found.faults and all(re.fullmatch(rf"{path.name} line [0-9]+", fault.file) for fault in found.faults)
        assert corpus_of(path).protocols
    except UserError as fault:
        assert path.name in str(fault) and "\n" not in str(fault)


@BOUNDED
@given(data=st.binary(max_size=200))
def test_any_bytes(tmp_path, data):
    check(tmp_path / "my.csv", data)


@BOUNDED
@given(data=st.data())
def test_damaged_tables(tmp_path, data):
    text = bytearray("\r\n".join(LINES).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text) - 1))
        action = data.draw(st.sampled_from(["flip", "cut", "double"]))
        if action == "flip":
            text[place] = data.draw(st.integers(0, 255))
        else:
            length = data.draw(st.integers(1, 30))
            text[place : place + length] = text[place : place + length] * (2 if action == "double" else 0) or b" "
    check(tmp_path / "my.csv", bytes(text))


@BOUNDED
@given(rows=st.lists(st.lists(CELLS, min_size=len(COLUMNS), max_size=len(COLUMNS)), max_size=6))
def test_any_cells(tmp_path, rows):
    quoted = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in [COLUMNS, *rows]]
    check(tmp_path / "my.csv", "\n".join(quoted).encode("utf-8", "replace"))
