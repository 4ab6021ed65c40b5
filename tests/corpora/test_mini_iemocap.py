"""The mini corpus in IEMOCAP's layout: bytes, names, judgements and sound, read without the parser."""

from __future__ import annotations

import collections
import hashlib
import re

import numpy as np
import pytest
import soundfile

from speechbrain_ext.testing import iemocap

TREE_SHA256 = "61686ea88cf2b98485e1e352940cd7c305c5ae60c12bdfe42332daa90863dc43"
SCENE = r"(?:impro0[1358](?:[ab]|)|script0[123]_[123]b?)"
WAV = re.compile(rf"Session([1-5])/sentences/wav/(Ses0\1[FM]_{SCENE})/(\2_([FM])\d\d\d)\.wav")
HEAD = re.compile(
    r"\[(\d+\.\d{4}) - (\d+\.\d{4})\]\t(Ses0[1-5][FM]_\w+_([FM])\d{3})\t([a-z]{3})\t\[([1-5]\.\d{4}), (\S+), (\S+)\]"
)
VOTE = re.compile(r"C-([EFM]\d):\t((?:[A-Z][a-z]+; ?)+)\t\([^)]*\)")
SCORES = re.compile(r"A-([EFM]\d):\tval ([1-5]?); act ([1-5]?); dom  ([1-5]?);\t\(\)")
NAMES = {
    "Neutral": "neu", "Happiness": "hap", "Excited": "exc", "Sadness": "sad", "Anger": "ang", "Frustration": "fru",
    "Surprise": "sur", "Fear": "fea", "Disgust": "dis", "Other": "oth",
}  # fmt: skip
CLASSES = {"neu", "ang", "sad", "hap", "exc"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini") / "iemocap"
    iemocap.write_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def blocks(root):
    """From an utterance's name to its times, speaker, code, means, votes and scores by rater."""
    found = {}
    for path in root.glob("Session?/dialog/EmoEvaluation/[!.]*.txt"):
        head, *rest = path.read_bytes().decode("latin-1").rstrip("\n").split("\n\n")
        assert head.startswith("%") and "\n" not in head
        for block in rest:
            first, *lines = block.split("\n")
            start_s, end_s, name, letter, code, *means = HEAD.fullmatch(first).groups()
            assert name.rsplit("_", 1)[0] == path.stem and name not in found
            votes = {m[1]: [w.strip(" ;") for w in re.findall(r"\w+;", m[2])] for m in map(VOTE.fullmatch, lines) if m}
            scores = {m[1]: m.groups()[1:] for m in map(SCORES.fullmatch, lines) if m}
            assert len(votes) + len(scores) == len(lines), block
            speaker = f"{name[:5]}{letter}"
            found[name] = float(start_s), float(end_s), speaker, code, [float(value) for value in means], votes, scores
    return found


@pytest.fixture(scope="module")
def sounds(root):
    return {path.stem: soundfile.read(path, dtype="float64")[0] for path in root.rglob("[!.]*.wav")}


def codes_of(votes):
    return [{NAMES[label] for label in labels} for rater, labels in votes.items() if rater[0] == "E"]


def test_bytes_are_pinned(root):
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    assert digest.hexdigest() == TREE_SHA256


def test_another_seed_gives_other_sound_of_the_same_names(root, tmp_path, monkeypatch):
    few = iemocap._plan()[:2]
    monkeypatch.setattr(iemocap, "_plan", lambda: few)
    for seed in (0, 1):
        iemocap.write_corpus(tmp_path / str(seed), seed=seed)
        for turn in few:
            name = f"Session1/sentences/wav/{turn.dialog}/{turn.name}.wav"
            assert ((tmp_path / str(seed) / name).read_bytes() == (root / name).read_bytes()) == (seed == 0)


def test_layout(root):
    assert sorted(path.name for path in root.iterdir()) == ["README.md", *(f"Session{n}" for n in range(1, 6))]
    assert "SYNTHETIC" in (root / "README.md").read_text(encoding="utf-8")
    names = [path.relative_to(root).as_posix() for path in root.rglob("*.wav") if path.name[0] != "."]
    dialogs = {WAV.fullmatch(name)[2] for name in names}
    suffixed = {"Ses03M_impro05a", "Ses03M_impro05b", "Ses03M_impro08a", "Ses03M_impro08b", "Ses05M_script01_1b"}
    assert suffixed < dialogs and not {"Ses03M_impro05", "Ses03M_impro08"} & dialogs
    for dialog in dialogs:
        folder = root / f"Session{dialog[4]}" / "dialog"
        assert (folder / "EmoEvaluation" / f"{dialog}.txt").is_file()
        for kind, raters in (("Categorical", "e2 e3 e4"), ("Attribute", ""), ("Self-evaluation", "f1 m1")):
            there = [path.name for path in (folder / "EmoEvaluation" / kind).glob(f"{dialog}_*.txt")]
            assert there and {f"{dialog}_{rater}_cat.txt" for rater in raters.split()} <= set(there)
        spoken = {m[3] for m in map(WAV.fullmatch, names) if m[2] == dialog}
        lines = (folder / "transcriptions" / f"{dialog}.txt").read_text(encoding="ascii").splitlines()
        said = [re.fullmatch(r"(\w+) \[\d{3}\.\d{4}-\d{3}\.\d{4}\]: [\w ,]+\.", line)[1] for line in lines]
        assert set(said) == spoken and len(said) == len(spoken)
        assert {name.rsplit("_", 1)[1][0] for name in spoken} == {"F", "M"}, "both people speak in every dialog"
    forks = [path for path in root.rglob("._*")]
    assert len(forks) >= 4 and all(path.with_name(path.name[2:]).is_file() for path in forks)
    for path in forks:
        assert path.read_bytes()[:4] == b"\x00\x05\x16\x07"


def test_labels_and_sound_fit(blocks, sounds):
    assert len(blocks) == 280
    assert len(set(sounds) - set(blocks)) == 3 and not set(blocks) - set(sounds)
    for name, (start_s, end_s, *_) in blocks.items():
        assert end_s - start_s == pytest.approx(len(sounds[name]) / 16000, abs=2e-4)
    by_dialog = collections.defaultdict(list)
    for name, (start_s, end_s, *_) in blocks.items():
        by_dialog[name.rsplit("_", 1)[0]].append((start_s, end_s))
    for times in by_dialog.values():
        times.sort()
        assert all(left[1] < right[0] for left, right in zip(times, times[1:], strict=False))


def test_consensus_is_the_majority_of_the_raters(blocks):
    for name, (_, _, _, code, means, votes, scores) in blocks.items():
        assert {"E2", "E3", "E4"} < set(votes) and {rater for rater in votes if rater[0] != "E"} == {
            f"{name.rsplit('_', 1)[1][0]}1"
        }
        counts = collections.Counter(label for labels in codes_of(votes) for label in labels)
        best = [label for label, count in counts.items() if count == max(counts.values())]
        assert code == (best[0] if len(best) == 1 and counts[best[0]] >= 2 else "xxx"), name
        for place, mean in enumerate(means):
            given = [int(row[place]) for rater, row in scores.items() if rater[0] == "E" and row[place]]
            assert mean == pytest.approx(np.mean(given), abs=1e-4), name


def test_clear_ambiguous_and_left_out_utterances(blocks):
    clear = {name for name, block in blocks.items() if block[3] in CLASSES}
    hinted = {name for name, block in blocks.items() if set.union(*codes_of(block[5])) & CLASSES} - clear
    left_out = blocks.keys() - clear - hinted
    assert len(clear) >= 180 and len(hinted) >= 25 and len(left_out) >= 15
    assert len([name for name in blocks if blocks[name][3] == "xxx"]) >= 10
    several = [block for block in blocks.values() if any(len(labels) > 1 for labels in codes_of(block[5]))]
    assert 20 <= len(several) <= 90
    assert any("" in row for block in blocks.values() for row in block[6].values()), "a rater left a number out"
    cells = collections.Counter((blocks[name][2], blocks[name][3]) for name in clear)
    assert len(cells) == 50 and min(cells.values()) >= 3


def test_scenarios_and_repeated_texts(root, blocks):
    kinds = collections.Counter((name[4], "impro" in name) for name in blocks)
    assert len(kinds) == 10 and set(kinds.values()) == {28}
    lines = collections.defaultdict(dict)
    for path in root.glob("Session?/dialog/transcriptions/[!.]*_script*.txt"):
        script = re.search(r"script\d\d_\d", path.name)[0]
        told = [line.split(": ") for line in path.read_text().splitlines()]
        for name, text in (row for row in told if row[0].split(" ")[0] in blocks):
            lines[script].setdefault(text, set()).add(name[:5] + name.split(" ")[0].rsplit("_", 1)[1][0])
    assert sorted(lines) == ["script01_1", "script01_3", "script02_2", "script03_1"]
    for texts in lines.values():
        assert len(texts) == 7 and all(len(speakers) == 5 for speakers in texts.values())
    assert len({text for texts in lines.values() for text in texts}) == 28
    halves = collections.defaultdict(set)
    for name, block in blocks.items():
        if "script" in name:
            half = sorted(lines).index(re.search(r"script\d\d_\d", name)[0]) % 2
            halves[half].add(block[3])
    assert all(CLASSES <= halves[half] for half in (0, 1))


def test_sound(root, sounds):
    for path in root.rglob("[!.]*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (16000, 1, "PCM_16", "WAV")
    durations_s = [len(samples) / 16000 for samples in sounds.values()]
    assert 0.85 < min(durations_s) and max(durations_s) < 2.5 and 1.2 < np.mean(durations_s) < 1.6
    for name, samples in sounds.items():
        assert 0.02 < np.max(np.abs(samples)) < 0.95 and np.max(np.abs(samples[:320])) < 0.02, name


def test_emotions_differ_in_loudness_and_length_and_scores_follow(blocks, sounds):
    def mean(code, measure):
        return np.mean([measure(name) for name, block in blocks.items() if block[3] == code])

    def level_db(name):
        return 10 * np.log10(np.mean(sounds[name] ** 2))

    assert mean("ang", level_db) > mean("neu", level_db) + 1 > mean("sad", level_db) + 2
    assert mean("exc", level_db) > mean("neu", level_db) + 1
    assert mean("sad", lambda name: len(sounds[name])) > 1.1 * mean("neu", lambda name: len(sounds[name]))
    valence, activation = ({name: block[4][place] for name, block in blocks.items()} for place in (0, 1))
    assert mean("exc", valence.get) > mean("neu", valence.get) + 0.7 > mean("ang", valence.get) + 1.4
    assert mean("ang", activation.get) > mean("neu", activation.get) + 0.7 > mean("sad", activation.get) + 1.0


@pytest.mark.slow
def test_difficulty(blocks, sounds):
    """A linear classifier on unseen speakers does well, loudness alone does not, shuffled labels teach nothing."""
    opensmile = pytest.importorskip("opensmile")
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    names = sorted(name for name, block in blocks.items() if block[3] in CLASSES)
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
    features = np.array([smile.process_signal(sounds[name], 16000).to_numpy()[0] for name in names])
    loudness = np.array([[10 * np.log10(np.mean(sounds[name] ** 2)), np.max(np.abs(sounds[name]))] for name in names])
    speakers = np.array([blocks[name][2] for name in names])
    emotions = np.array([blocks[name][3].replace("exc", "hap") for name in names])

    def uar(inputs, labels):
        guesses = labels.copy()
        for speaker in set(speakers):
            test = speakers == speaker
            model = make_pipeline(StandardScaler(), LinearSVC(C=0.01, class_weight="balanced"))
            guesses[test] = model.fit(inputs[~test], labels[~test]).predict(inputs[test])
        return recall_score(labels, guesses, average="macro")

    assert 0.58 < uar(features, emotions) < 0.90
    assert uar(loudness, emotions) < 0.55
    shuffled = np.random.RandomState(0)
    assert np.mean([uar(features, shuffled.permutation(emotions)) for _ in range(3)]) < 0.34
