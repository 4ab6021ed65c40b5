"""MADD against labelled pauses: counts by hand, the command, and what the real labels' times mean."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from speechbrain_ext.analysis.emodb_labels import Mark
from speechbrain_ext.analysis.madd_pauses import compare, load
from speechbrain_ext.bin.madd import main
from speechbrain_ext.features.madd import madd
from speechbrain_ext.utils.errors import UsageError, UserError

# Loud 0.5 s, quiet 0.25 s (the pause), loud 0.25 s, quiet 0.5 s.
EDGES_S = [0.5, 0.75, 1.0, 1.5]


def example():
    random = np.random.default_rng(3)
    quiet = [0.001, 0.002, 0.004, 0.008]
    loudness = np.repeat([0.3, *quiet, 0.3, *quiet], [8000, *[1000] * 4, 4000, *[2000] * 4])
    return (loudness * random.uniform(-1, 1, 24000)).astype(np.float32)


def as_ends():
    return [Mark(time_s, label) for time_s, label in zip(EDGES_S, ["a", ".", "b", "c"], strict=True)]


def as_starts():
    return [Mark(time_s, label) for time_s, label in zip([0.0, *EDGES_S[:3]], ["a", ".", "b", "c"], strict=True)]


@pytest.mark.parametrize(("times", "marks"), [("end", as_ends()), ("start", as_starts())])
def test_counts_are_those_of_samples_counted_one_by_one(times, marks):
    signal = example()
    found = compare([(signal, marks)], [5.0, 1.5], times)
    assert [row.factor for row in found.rows] == [1.5, 5.0]
    pause = (np.arange(24000) >= 8000) & (np.arange(24000) < 12000)
    for row in found.rows:
        zeroed = madd(signal, factor=row.factor)[0] != signal
        hits = sum(1 for left, right in zip(zeroed, pause, strict=True) if left and right)
        assert row.zeroed == zeroed.mean() and 0 < hits < 4000
        assert row.precision == pytest.approx(hits / zeroed.sum(), rel=1e-12)
        assert row.recall == pytest.approx(hits / 4000, rel=1e-12)
        assert row.f1 == pytest.approx(2 / (1 / row.precision + 1 / row.recall), rel=1e-12)
    assert (found.utterances, found.audio_s, found.pause_s, found.skipped_s) == (1, 1.5, 0.25, 0)
    assert found.best is max(found.rows, key=lambda row: row.f1)
    power = np.mean(np.float64(signal) ** 2)
    assert found.pause_db == pytest.approx(10 * np.log10(np.mean(np.float64(signal[pause]) ** 2) / power))
    assert found.speech_db == pytest.approx(10 * np.log10(np.mean(np.float64(signal[~pause]) ** 2) / power))


def test_utterances_are_counted_together_not_averaged():
    material = [(example(), as_ends()), (example()[:16000], as_ends())]
    alone = [compare([item], [3.0], "end").rows[0] for item in material]
    assert compare(material, [3.0], "end").rows[0].recall == pytest.approx(np.mean([row.recall for row in alone]))
    zeroed = (alone[0].zeroed * 24000 + alone[1].zeroed * 16000) / 40000
    assert compare(material, [3.0], "end").rows[0].zeroed == pytest.approx(zeroed)


@pytest.mark.parametrize(
    ("unlabelled", "pause_s", "skipped_s"), [("skip", 0.25, 0.5), ("pause", 0.75, 0.0), ("speech", 0.25, 0.0)]
)
def test_what_no_label_covers_counts_as_asked(unlabelled, pause_s, skipped_s):
    marks = as_ends()[:3]
    found = compare([(example(), marks)], [3.0], "end", unlabelled=unlabelled)
    assert (found.pause_s, found.skipped_s) == (pause_s, skipped_s)
    zeroed = (madd(example(), factor=3.0)[0] != example()).mean()
    assert found.rows[0].zeroed == pytest.approx(zeroed)
    assert (found.rows[0].precision > 0.9) == (unlabelled != "speech")
    with pytest.raises(ValueError, match="skip, pause, speech"):
        compare([(example(), marks)], [3.0], "end", unlabelled="other")


def test_a_factor_that_zeroes_nothing_has_no_precision():
    row = compare([(example(), as_ends())], [0.0], "end").rows[0]
    assert (row.zeroed, row.precision, row.recall, row.f1) == (0.0, None, 0.0, 0.0)


def test_no_pause_in_the_audio_is_told():
    with pytest.raises(UserError, match="--pauses x,y: no such label"):
        compare([(example(), as_ends())], [3.0], "end", pauses=("x", "y"))
    with pytest.raises(UserError, match="no such label"):
        compare([(example()[:8000], as_ends())], [3.0], "end")


@pytest.fixture
def copy(tmp_path):
    """Two utterances, one of them labelled, and a label without audio."""
    for folder in ("wav", "lablaut"):
        (tmp_path / folder).mkdir()
    for name in ("03a01Fa", "03a01Nc"):
        soundfile.write(tmp_path / f"wav/{name}.wav", example(), 16000, subtype="FLOAT")
    body = "".join(f" {mark.time_s} -1 {mark.label}\n" for mark in as_ends())
    for name in ("03a01Faxx", "08a01Waxx"):
        (tmp_path / f"lablaut/{name}.lablaut").write_text(f"signal x\n#\n{body}")
    return tmp_path


def test_the_command_prints_both_readings_and_writes_what_is_asked(copy, tmp_path, capsys):
    outs = [argument for name in ("a.csv", "b.png") for argument in ("--out", str(tmp_path / name))]
    main(["--corpus-root", str(copy), "--factors", "0,3,20", *outs])
    shown = capsys.readouterr().out
    assert "note: 1 utterances have no labels and are left out: first 03a01Nc" in shown
    assert "note: 1 labelled utterances have no audio and are left out: first 08a01Wa" in shown
    assert "read as ends: 1 utterances, 1.5 s, pauses 0.2 s" in shown and "read as starts" in shown
    assert shown.count("best F1") == 2
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["times"], float(row["factor"])) for row in rows] == [
        (times, factor) for times in ("end", "start") for factor in (0, 3, 20)
    ]
    assert rows[0]["precision"] == "" and [row.factor for row in compare(load(copy), [3.0], "end").rows] == [3.0]
    assert float(rows[1]["f1"]) == compare(load(copy), [3.0], "end").best.f1
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    main(["--corpus-root", str(copy), "--factors", "3", "--label-times", "end"])
    assert "read as starts" not in capsys.readouterr().out


def test_faults_of_labels_are_all_printed(copy, capsys):
    with open(copy / "lablaut/03a01Faxx.lablaut", "a") as stream:
        stream.write("bad\nworse\n")
    with pytest.raises(UserError, match="^2 faults in"):
        main(["--corpus-root", str(copy)])
    told = capsys.readouterr().err
    assert "lablaut/03a01Faxx.lablaut line 7: found 'bad'" in told and "line 8: found 'worse'" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--factors", "1,x"], "numbers from 0 on"),
        (["--factors=-1"], "numbers from 0 on"),
        (["--factors", "nan"], "numbers from 0 on"),
        (["--label-time", "end"], "did you mean --label-times"),
    ],
)
def test_wrong_options_end_with_status_2(arguments, told, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_a_missing_root_and_a_strange_file_name_are_told(copy, monkeypatch):
    monkeypatch.delenv("EMODB_ROOT", raising=False)
    with pytest.raises(UsageError, match="--corpus-root"):
        main([])
    with pytest.raises(UsageError, match="--out a.txt"):
        main(["--corpus-root", str(copy), "--out", "a.txt"])
    with pytest.raises(UserError, match="no label file belongs to a wav"):
        (copy / "lablaut/03a01Faxx.lablaut").unlink()
        main(["--corpus-root", str(copy)])


@pytest.mark.slow
def test_times_of_the_real_labels_are_starts_by_the_level_of_pauses(emodb_root):
    """Documents what the command shows: read as ends, the pauses would be nearly as loud as speech."""
    if not (emodb_root / "lablaut").is_dir():
        pytest.skip("this copy of EmoDB has no lablaut")
    material = load(emodb_root)
    end, start = (compare(material, [5.0], times) for times in ("end", "start"))
    assert start.pause_db < -15 and end.pause_db > -10
    assert start.rows[0].recall > 0.8 and end.rows[0].recall < 0.2
