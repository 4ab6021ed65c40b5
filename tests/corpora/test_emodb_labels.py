"""EmoDB's phone labels: the format, both readings of times, all faults by file and line, the real copy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechbrain_ext.analysis.emodb_labels import Mark, read_marks, scan_labels, stretches
from speechbrain_ext.corpora.manifest import CorpusFaults
from speechbrain_ext.utils.errors import UserError

HEADER = "signal 03a01Faxx\ntype 0\ncomment created using xlabel\nfont -misc-*\nseparator ;\nnfields 1\n#\n"
BODY = (
    "    0.080109   -1 _t\n    0.119160   -1 !t\t+asp\n    0.768183   -1 \t+hoe\n    1.5  125 .\t-eng\n    1.75   -1\n"
)
MARKS = [
    Mark(0.080109, "_t"),
    Mark(0.11916, "!t", ("+asp",)),
    Mark(0.768183, "+hoe"),
    Mark(1.5, ".", ("-eng",)),
    Mark(1.75, ""),
]


def write(root, **files):
    folder = root / "lablaut"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name.lstrip('_')}.lablaut").write_bytes(text.encode("iso-8859-1"))
    return root


def faults_of(root):
    with pytest.raises(CorpusFaults) as caught:
        scan_labels(root)
    assert "\n" not in str(caught.value)
    return [(fault.file, fault.found) for fault in caught.value.faults]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_by_fields(tmp_path, line_end):
    write(tmp_path, _03a01Faxx=(HEADER + BODY + "\n").replace("\n", line_end))
    assert read_marks(tmp_path / "lablaut/03a01Faxx.lablaut") == MARKS
    assert scan_labels(tmp_path) == {"03a01Fa": MARKS}


def test_bytes_beyond_ascii_and_hidden_files_are_no_fault(tmp_path):
    write(tmp_path, _03a01Faxx="comment gr\xfc\xdfe\n#\n 0.5 -1 \xe4\x85\n", **{"._03a01Naxx": "\x00\x05"})
    assert scan_labels(tmp_path) == {"03a01Fa": [Mark(0.5, "\xe4")]}


def test_files_without_labels_are_noted_and_left_out(tmp_path):
    write(tmp_path, _03a01Faxx=HEADER + BODY, _03a01Fa=HEADER, _08a01Abxx=HEADER)
    notes = []
    assert list(scan_labels(tmp_path, notes)) == ["03a01Fa"]
    assert notes == ["2 label files have no label and are left out: first lablaut/03a01Fa.lablaut"]


def test_all_faults_are_told_at_once_by_file_and_line(tmp_path):
    wrong = " 0.1 -1 a\n x -1 b\n 0.05 -1 c\n 0.05 -1 d\n nan -1 e\n -0.5 -1 f\n 0.2 red g\n 0.3\n 1_0 -1 h\n"
    write(tmp_path, _03a01Faxx=HEADER + wrong, _03a01Naxx="signal x\nnfields 1\n", _99z=HEADER, _03a02Faxx="")
    assert faults_of(tmp_path) == [
        ("lablaut/03a01Faxx.lablaut line 9", "'x -1 b'"),
        ("lablaut/03a01Faxx.lablaut line 10", "the time 0.05"),
        ("lablaut/03a01Faxx.lablaut line 11", "the time 0.05"),
        ("lablaut/03a01Faxx.lablaut line 12", "'nan -1 e'"),
        ("lablaut/03a01Faxx.lablaut line 13", "'-0.5 -1 f'"),
        ("lablaut/03a01Faxx.lablaut line 14", "'0.2 red g'"),
        ("lablaut/03a01Faxx.lablaut line 15", "'0.3'"),
        ("lablaut/03a01Faxx.lablaut line 16", "'1_0 -1 h'"),
        ("lablaut/03a01Naxx.lablaut line 3", "the end of the file"),
        ("lablaut/03a02Faxx.lablaut line 1", "the end of the file"),
        ("lablaut/99z.lablaut", "the name 99z"),
    ]


def test_two_files_of_one_utterance_must_agree(tmp_path):
    write(tmp_path, _03a01Fa=HEADER + BODY, _03a01Faxx=HEADER + BODY)
    assert list(scan_labels(tmp_path)) == ["03a01Fa"]
    write(tmp_path, _03a01Faxx=HEADER + BODY + " 1.8 -1 z\n")
    assert faults_of(tmp_path) == [("lablaut/03a01Faxx.lablaut", "other labels of 03a01Fa than another file has")]


def test_a_folder_in_a_file_s_place_is_a_fault(tmp_path):
    write(tmp_path, _03a01Naxx=HEADER + BODY)
    (tmp_path / "lablaut/03a01Faxx.lablaut").mkdir()
    (file, found), *others = faults_of(tmp_path)
    assert file == "lablaut/03a01Faxx.lablaut" and found.startswith("unreadable") and not others


@pytest.mark.parametrize("make", [lambda root: None, lambda root: write(root), lambda root: (root / "lablaut").touch()])
def test_no_label_files_is_a_fault_of_the_root(tmp_path, make):
    make(tmp_path)
    with pytest.raises(UserError, match=r"^--corpus-root .*no label files, expected .*lablaut/SSTTTEvxx"):
        scan_labels(tmp_path)


@given(data=st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: b"#\n" + data))
def test_any_bytes_give_marks_or_faults(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "03a01Faxx.lablaut"
    path.write_bytes(data)
    try:
        marks = read_marks(path)
    except CorpusFaults as found:
        assert all(fault.file.startswith(str(path)) for fault in found.faults)
    else:
        assert all(left.time_s < right.time_s for left, right in zip(marks, marks[1:], strict=False))


def pieces(duration_s, times):
    marks = [Mark(0.5, "a"), Mark(1.0, "."), Mark(1.5, "b"), Mark(2.5, ".")]
    return [(piece.start_s, piece.end_s, piece.label) for piece in stretches(marks, duration_s, times)]


def test_stretches_of_a_whole_utterance():
    assert pieces(3.0, "end") == [(0, 0.5, "a"), (0.5, 1, "."), (1, 1.5, "b"), (1.5, 2.5, "."), (2.5, 3, None)]
    assert pieces(3.0, "start") == [(0, 0.5, None), (0.5, 1, "a"), (1, 1.5, "."), (1.5, 2.5, "b"), (2.5, 3, ".")]


@pytest.mark.parametrize(
    ("cut_s", "end", "start"),
    [
        (2.0, (1.5, 2.0, "."), (1.5, 2.0, "b")),
        (1.5, (1.0, 1.5, "b"), (1.0, 1.5, ".")),
        (0.7, (0.5, 0.7, "."), (0.5, 0.7, "a")),
        (0.2, (0.0, 0.2, "a"), (0.0, 0.2, None)),
        (2.75, (2.5, 2.75, None), (2.5, 2.75, ".")),
    ],
)
def test_stretches_are_clipped_at_the_cut(cut_s, end, start):
    assert pieces(cut_s, "end")[-1] == end
    assert pieces(cut_s, "start")[-1] == start


@pytest.mark.parametrize("times", ["end", "start"])
@given(times_s=st.lists(st.floats(0, 5), unique=True).map(sorted), duration_s=st.floats(0.01, 4))
def test_stretches_cover_the_audio_without_gaps(times, times_s, duration_s):
    found = stretches([Mark(time_s, "x") for time_s in times_s], duration_s, times)
    edges = [found[0].start_s, *(piece.end_s for piece in found)]
    assert edges[0] == 0 and edges[-1] == duration_s and edges == sorted(set(edges))
    assert all(left.end_s == right.start_s for left, right in zip(found, found[1:], strict=False))


def test_an_unknown_reading_is_refused():
    with pytest.raises(ValueError, match="one of end, start"):
        stretches([], 1.0, "middle")


@pytest.mark.slow
def test_the_real_labels(emodb_root):
    if not (emodb_root / "lablaut").is_dir():
        pytest.skip("this copy of EmoDB has no lablaut")
    notes = []
    labels = scan_labels(emodb_root, notes)
    assert len(labels) == 535 and len(notes) == 1 and "3 label files" in notes[0]
    # Each of the files ends with its one pause.
    assert all([mark.label for mark in marks].index(".") == len(marks) - 1 for marks in labels.values())
    assert labels["03a01Fa"][0] == Mark(0.080109, "_t") and labels["03a01Fa"][-1] == Mark(1.84139, ".")
