"""Stage 0 as its command: what it writes, what it skips, what it refuses."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from speechbrain_ext.bin.prepare import main
from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.manifest import read_manifest
from speechbrain_ext.preparation.folds import read_folds
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UsageError, UserError

NAMES = [f"{who}{text}{letter}a" for who in ("03", "08", "09") for text in ("a01", "a02") for letter in "WN"]


def write_wav(path, seed):
    samples = 0.1 * np.random.default_rng(seed).standard_normal(800)
    soundfile.write(path, samples, 16000)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "corpus"
    (folder / "wav").mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        write_wav(folder / "wav" / f"{name}.wav", seed)
    return folder


@pytest.fixture
def prepare(tmp_path, root, capsys):
    def call(*words, protocol="speaker", corpus_root=root):
        options = ["--corpus", "emodb", "--corpus-root", str(corpus_root), "--data", str(tmp_path / "data")]
        main([*options, "--protocol", protocol, "--jobs", "1", *words])
        return capsys.readouterr().out

    return call


@pytest.fixture
def made(tmp_path):
    return tmp_path / "data" / "EmoDB-real"


def state(folder):
    """All files with their bytes and times, to see that nothing was touched."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def test_whole_run(prepare, made, root):
    out = prepare()
    items = read_manifest(made / "manifest.jsonl")
    assert [item.id for item in items] == sorted(NAMES) and all(item.num_samples == 800 for item in items)
    facts = json.loads((made / "manifest.json").read_text())
    hours = 12 * 800 / 16000 / 3600
    assert facts["hours"] == pytest.approx(hours, abs=1e-6)
    assert (facts["corpus"], facts["source"], facts["root"]) == ("EmoDB", "real", str(root))
    assert facts["edition"] == "not as published: 12 utterances, 0.00 h"
    assert facts["labels"] == {"anger": 6, "neutral": 6} and facts["speakers"] == {"03": 4, "08": 4, "09": 4}
    assert facts["found_beside_expected"]["labels"]["anger"] == {"found": 6, "expected": 127}
    assert facts["found_beside_expected"]["labels"]["fear"] == {"found": 0, "expected": 69}
    folds = read_folds(made / "folds" / "speaker.json", "again")
    assert folds == make_folds(items, "speaker", task=get_corpus("emodb").task)
    for told in ("12 utterances", "127", "warning", "03 ", "audit: speaker-independent"):
        assert told in out


def test_second_run_does_nothing_and_says_so(prepare, made):
    prepare()
    before = state(made)
    assert "nothing to do" in prepare()
    assert state(made) == before


def test_other_folds_are_added_beside(prepare, made):
    prepare()
    before = state(made)
    prepare("--dev", "fraction", "--fold-seed", "2")
    assert (made / "folds" / "speaker.dev-fraction.fold-seed-2.json").exists()
    after = state(made)
    assert {path: after[path] for path in before if ".lock" not in path} == {
        path: before[path] for path in before if ".lock" not in path
    }


def test_touched_files_with_the_same_sound_are_the_same(prepare, made, root):
    prepare()
    manifest = (made / "manifest.jsonl").read_bytes()
    for path in (root / "wav").iterdir():
        os.utime(path, ns=(1, 1))
    prepare()
    assert (made / "manifest.jsonl").read_bytes() == manifest
    assert "nothing to do" in prepare()


def test_changed_sound_is_refused_until_forced(prepare, made, root):
    prepare()
    prepare("--dev", "fraction")
    before = state(made)
    write_wav(root / "wav" / f"{NAMES[0]}.wav", 99)
    with pytest.raises(UserError, match="have changed since.*--force"):
        prepare()
    assert state(made) == before
    prepare("--force")
    assert [path.name for path in (made / "folds").iterdir()] == ["speaker.json"]
    assert "nothing to do" in prepare()


def test_other_inputs_are_refused_by_name(prepare, made, root, tmp_path):
    prepare()
    before = state(made)
    other = shutil.copytree(root, tmp_path / "other")
    for words, told in (
        ({"corpus_root": other}, f"from {root}, asked is {other}"),
        ({}, 'asked is "my copy"'),
        ({}, "with reading the audio"),
    ):
        options = {"my copy": ("--corpus-edition", "my copy"), "reading": ("--no-audio-check",)}
        chosen = next((option for key, option in options.items() if key in told), ())
        with pytest.raises(UserError, match="made from other inputs.*--force") as caught:
            prepare(*chosen, **words)
        assert told in str(caught.value)
    assert state(made) == before
    prepare("--force", corpus_root=other)
    assert json.loads((made / "manifest.json").read_text())["root"] == str(other)


def test_moved_corpus_is_found_again(prepare, made, root, tmp_path):
    prepare()
    moved = root.rename(tmp_path / "moved")
    prepare(corpus_root=moved)
    assert json.loads((made / "manifest.json").read_text())["root"] == str(moved)


@pytest.mark.parametrize("name", ["manifest.jsonl", "manifest.json", "folds/speaker.json", "audio.json"])
@pytest.mark.parametrize("damage", ["edited", "cut", "empty"])
def test_a_damaged_file_is_named_and_made_again(prepare, made, name, damage):
    prepare()
    before, data = state(made), (made / name).read_bytes()
    edited = data.replace(b"03", b"08", 1)
    assert edited != data
    (made / name).write_bytes({"edited": edited, "cut": data[: len(data) // 2], "empty": b""}[damage])
    out = prepare()
    assert f"wrote {name}" in out or f", {name}" in out
    assert name == "audio.json" or f"{made / name}: damaged" in out and ": made again" in out
    assert {path: content for path, (content, *_) in state(made).items() if ".lock" not in path} == {
        path: content for path, (content, *_) in before.items() if ".lock" not in path
    }
    assert "nothing to do" in prepare()


@pytest.mark.parametrize("lost", ["manifest.json", "manifest.jsonl"])
def test_a_killed_run_is_taken_up(prepare, made, lost):
    prepare()
    (made / lost).unlink()
    prepare()
    assert "nothing to do" in prepare()


def test_all_faults_in_one_table_and_nothing_written(prepare, made, root, capsys):
    (root / "wav" / "99a01Wa.wav").write_bytes(b"")
    (root / "wav" / f"{NAMES[0]}.wav").write_bytes(b"")
    soundfile.write(root / "wav" / f"{NAMES[1]}.wav", np.zeros(800), 16000)
    with pytest.raises(UserError, match="4 faults.*nothing was written") as caught:
        prepare()
    assert caught.value.exit_status == 1
    table = capsys.readouterr().err
    for told in ("99a01Wa.wav", "speaker 99", f"{NAMES[0]}.wav", "unreadable", f"{NAMES[1]}.wav", "silent"):
        assert told in table
    assert not made.exists()


def test_folds_that_cannot_be_made_leave_nothing(prepare, made):
    with pytest.raises(UserError, match="no session"):
        prepare(protocol="session")
    assert not made.exists()


def test_audio_is_left_alone_when_asked(prepare, made, root):
    for path in (root / "wav").iterdir():
        path.write_bytes(b"")
    out = prepare("--no-audio-check")
    assert "not read" in out and "duplicates unknown" in out
    facts = json.loads((made / "manifest.json").read_text())
    assert facts["hours"] is None and facts["edition"] == "not as published: 12 utterances, audio not read"
    assert "nothing to do" in prepare("--no-audio-check")


def test_mini_is_its_own_source(prepare, tmp_path, root):
    out = prepare("--source", "mini")
    facts = json.loads((tmp_path / "data" / "EmoDB-mini" / "manifest.json").read_text())
    assert facts["edition"] == "mini" and facts["source"] == "mini" and "warning" not in out
    (root / "mini.json").write_text("{}")
    with pytest.raises(UserError, match="synthetic"):
        prepare()


def test_root_comes_from_the_environment(tmp_path, root, monkeypatch):
    monkeypatch.setenv("EMODB_ROOT", str(root))
    main(["--corpus", "EmoDB", "--data", str(tmp_path / "data"), "--protocol", "speaker"])
    assert (tmp_path / "data" / "EmoDB-real" / "manifest.json").exists()
    monkeypatch.delenv("EMODB_ROOT")
    with pytest.raises(UsageError, match="EMODB_ROOT"):
        main(["--corpus", "EmoDB", "--data", str(tmp_path)])
    with pytest.raises(UsageError, match="bin.mini"):
        main(["--corpus", "EmoDB", "--data", str(tmp_path), "--source", "mini"])


def test_unwritable_output_is_one_line(prepare, tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UserError, match="cannot write"):
        prepare()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--protocl", "speaker"], "did you mean --protocol"),
        (["--jobs", "0"], "from 1"),
        (["--fold-seed", "x"], "from 0"),
        (["--protocol"], "--protocol: missing value"),
        (["--corpus", "EmoBD"], "did you mean EmoDB"),
        (["--source", "fake"], "real"),
        (["stray"], "stray"),
    ],
)
def test_wrong_options_die_in_one_line(words, told):
    given = words if "--corpus" in words else ["--corpus", "EmoDB", *words]
    ended = subprocess.run(
        [sys.executable, "-m", "speechbrain_ext.bin.prepare", *given], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2 and ended.stdout == ""
    assert told in ended.stderr and ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from speechbrain_ext.bin.prepare import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'soundfile', 'soxr'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_preparing_never_imports_torch():
    code = (
        "import sys, speechbrain_ext.preparation.summary\n"
        "assert 'torch' not in sys.modules and 'speechbrain' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
