"""What is wrong in a copy of MSP-IMPROV is told at once, by file and line."""

import pytest
from msp_improv_blocks import HEAD, ID, MAN, MAN_ID, RATER, block, touch, write

from speechbrain_ext.corpora.manifest import CorpusFaults
from speechbrain_ext.corpora.msp_improv import CORPUS, scan
from speechbrain_ext.utils.errors import UserError


def faults_of(root):
    with pytest.raises(CorpusFaults) as caught:
        scan(root)
    assert "\n" not in str(caught.value) and "Eval" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("folder", ["session2/S01A/S", "session1/S01H/S", "session1/S01A/R", "session1"])
def test_a_wav_in_a_wrong_folder_is_a_fault(tmp_path, folder):
    root = write(tmp_path, block(HEAD, RATER))
    touch(root, f"Audio/{folder}/{ID}.wav")
    with pytest.raises(CorpusFaults) as caught:
        scan(root)
    (fault,) = caught.value.faults
    assert (fault.file, fault.found) == (f"Audio/{folder}/{ID}.wav", f"the folder {folder}")
    assert "session1/S01A/S" in fault.expected


def test_two_wavs_of_one_name_are_a_fault(tmp_path):
    touch(write(tmp_path, block(HEAD, RATER)), *(f"session1/S01A/S/{ID}{end}" for end in (".wav", ".WAV")))
    with pytest.raises(CorpusFaults, match="a second file"):
        scan(tmp_path)


def test_two_different_blocks_of_one_turn_are_a_fault(tmp_path):
    text = block(HEAD, RATER) + block(MAN, RATER) + block(HEAD.replace("; N;", "; S;"), RATER)
    caught = faults_of(write(tmp_path, text))
    assert [(fault.file, fault.found) for fault in caught.faults] == [
        ("Evalution.txt line 7", f"{ID} unlike in line 1")
    ]
    assert [item.id for item in caught.utterances] == [MAN_ID]


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("; N; A", "; Q; A", 1, "the emotion 'Q'"),
        ("; N; A", "; n; A", 1, "the emotion 'n'"),
        ("; N; A", "; A", 1, "5 fields"),
        (".avi", "", 1, "the name"),
        ("UTD-IMPROV-S01A", "UTD-S01A", 1, "the name"),
        ("S01A", "S21A", 1, "the sentence 'S21'"),
        ("S01A", "S1A", 1, "the sentence 'S1'"),
        ("S01A", "S01F", 1, "the intended emotion 'F'"),
        ("-F01-", "-F07-", 1, "the speaker 'F07'"),
        ("-F01-", "-F00-", 1, "the speaker 'F00'"),
        ("-F01-", "-01-", 1, "the speaker '01'"),
        ("-S-FM01", "-Q-FM01", 1, "the part 'Q'"),
        ("-FM01", "-F1", 1, "the turn 'F1'"),
        ("-FM01", "-FM\u0661", 1, "the turn"),
        ("-FM01", "-FM01-2", 1, "the name"),
        ("V:3.500000", "V:3,5", 1, "the attribute 'V:3,5'"),
        ("V:3.500000", "V:", 1, "the attribute 'V:'"),
        ("V:3.500000", "V:inf", 1, "the attribute 'V:inf'"),
        ("V:3.500000", "V:-3.5", 1, "the attribute 'V:-3.5'"),
        ("V:3.500000", "V:" + "9" * 400, 1, "the attribute 'V:9999"),
        ("V:3.500000", "V:\u0663", 1, "the attribute"),
        ("V:3.500000", "A:3.500000", 1, "the attributes A D N"),
        ("V:4.000000", "X:4.000000", 2, "the attribute 'X:4.000000'"),
        ("V:4.000000; ", "", 2, "6 fields"),
        (" Concerned,Neutral;", "", 2, "6 fields"),
        ("Concerned,", "A:3.0; ", 2, "8 fields"),
        ("Neutral; C", "Furious; C", 2, "the emotion 'Furious'"),
        ("Neutral; C", "; C", 2, "the emotion ''"),
        ("rater_id-1", "rater id", 2, "the rater 'R-rater id'"),
        ("rater_id-1", "r\xe4ter", 2, "the rater"),
        ("R-rater_id-1", "R-", 2, "the rater 'R-'"),
        ("R-rater_id-1", "", 2, "the rater ''"),
    ],
)
def test_damage_names_file_and_line(tmp_path, old, new, line, told):
    text = block(HEAD, RATER)
    assert old in text
    caught = faults_of(write(tmp_path, text.replace(old, new) + block(MAN, RATER), "Evaluation.txt"))
    (fault,) = caught.faults
    assert fault.file == f"Evaluation.txt line {line}" and fault.found.startswith(told) and fault.expected
    assert [item.id for item in caught.utterances] == [MAN_ID]


def test_a_rater_outside_a_block_is_a_fault(tmp_path):
    caught = faults_of(write(tmp_path, block(RATER) + block(HEAD, RATER) + block(RATER)))
    assert [fault.file for fault in caught.faults] == ["Evalution.txt line 1", "Evalution.txt line 6"]
    assert len(caught.utterances[0].votes) == 1


def test_all_faults_are_told_at_once(tmp_path):
    bad = [HEAD.replace("S01A", text) for text in ("S33A", "S01B")]
    text = block(bad[0], RATER.replace("Neutral;", "Mad;")) + block(bad[1], RATER) + block(MAN, RATER)
    caught = faults_of(write(tmp_path, text))
    assert [fault.file[-6:] for fault in caught.faults] == ["line 1", "line 2", "line 4"]
    assert [item.id for item in caught.utterances] == [MAN_ID]


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_label_file_is_a_fault(tmp_path, text):
    assert faults_of(write(tmp_path, text)).faults[0].found == "no turn in the file"


def test_wrong_folders_are_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    touch(tmp_path, "audio_only/session1/S01A/S/x.wav")
    for root in (tmp_path, tmp_path / "missing", tmp_path / "file", tmp_path / "audio_only"):
        with pytest.raises(UserError) as caught:
            CORPUS.scan(root, None)
        told = str(caught.value)
        assert str(root) in told and "--corpus-root" in told and CORPUS.layout in told and "\n" not in told
