"""The mini corpus in MSP-IMPROV's layout: bytes, names, judgements and sound, read without the parser."""

from __future__ import annotations

import collections
import hashlib
import math
import re

import numpy as np
import pytest
import soundfile
import soxr

from speechbrain_ext.testing import msp_improv

TREE_SHA256 = "4e6a2a3ae0034c6a776f6257ea895b7abe83d68b5077653376a33a105f2fbdf6"
WAV = re.compile(
    r"Audio/session([1-6])/(S(?:0[1-9]|1\d|20)[AHNS])/([PRST])/MSP-IMPROV-(\2-([FM]0\1)-\3-([FM][FM]\d\d))\.wav"
)
SCORES = r"A:(\d\.\d{6}|NaN); V:(\d\.\d{6}|NaN); D:(\d\.\d{6}|NaN) ?; N:(\d\.\d{6}|NaN);"
HEAD = re.compile(rf"UTD-IMPROV-(\S+)\.avi; ([AHNSOX]); {SCORES}")
RATER = re.compile(rf"R-([\w-]+); (Angry|Happy|Neutral|Sad|Other); ([A-Z][a-z]+(?:,[A-Z][a-z]+)*); {SCORES}")
FOUR = {"Angry": "A", "Happy": "H", "Neutral": "N", "Sad": "S"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini") / "msp_improv"
    msp_improv.write_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def blocks(root):
    """From a turn's name to its consensus, scores, and a tuple (rater, primary, secondary, scores) for each rater."""
    raw = (root / "Evalution.txt").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") > 0
    found = {}
    for block in raw.decode("ascii").rstrip("\r\n").split("\r\n\r\n"):
        first, *rest = block.split("\r\n")
        name, code, *scores = HEAD.fullmatch(first).groups()
        raters = [RATER.fullmatch(line).groups() for line in rest]
        assert name not in found
        found[name] = code, list(map(float, scores)), [(*row[:3], list(map(float, row[3:]))) for row in raters]
    return found


@pytest.fixture(scope="module")
def sounds(root):
    """From a turn's name to (session, sentence and letter, part, speaker, turn) and samples at 44.1 kHz."""
    found = {}
    for path in root.rglob("[!.]*.wav"):
        session, scene, part, name, speaker, turn = WAV.fullmatch(path.relative_to(root).as_posix()).groups()
        found[name] = (session, scene, part, speaker, turn), soundfile.read(path, dtype="float64")[0]
    return found


def test_bytes_are_pinned(root):
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    assert digest.hexdigest() == TREE_SHA256


def test_another_seed_gives_other_sound_of_the_same_names(root, tmp_path, monkeypatch):
    few = msp_improv._plan()[:2]
    monkeypatch.setattr(msp_improv, "_plan", lambda: few)
    for seed in (0, 1):
        msp_improv.write_corpus(tmp_path / str(seed), seed=seed)
        for path in (tmp_path / str(seed)).rglob("[!.]*.wav"):
            here = (root / path.relative_to(tmp_path / str(seed))).read_bytes()
            assert (path.read_bytes() == here) == (seed == 0)


def test_layout(root, blocks, sounds):
    assert sorted(path.name for path in root.iterdir()) == ["._Evalution.txt", "Audio", "Evalution.txt", "README.md"]
    assert "SYNTHETIC" in (root / "README.md").read_text(encoding="utf-8")
    assert len(blocks) == 264 and not set(blocks) - set(sounds) and len(set(sounds) - set(blocks)) == 2
    facts = [sounds[name][0] for name in blocks]
    assert collections.Counter(fact[2] for fact in facts) == {"T": 96, "R": 48, "S": 84, "P": 36}
    speakers = collections.Counter(fact[3] for fact in facts)
    assert sorted(speakers) == [f"{gender}0{n}" for gender in "FM" for n in range(1, 7)]
    assert set(speakers.values()) == {22}
    assert {fact[1] for fact in facts} == {text + letter for text in ("S02", "S06", "S11", "S17") for letter in "AHNS"}
    for _, _, part, speaker, turn in facts:
        assert turn[0] == speaker[0] and (turn[0] == turn[1]) == (part == "R")
    forks = list(root.rglob("._*"))
    assert len(forks) == 2 and all(path.with_name(path.name[2:]).is_file() for path in forks)


def test_read_and_target_sentences_hold_every_emotion_in_both_halves(blocks, sounds):
    texts = ["S02", "S06", "S11", "S17"]
    cells = collections.Counter()
    for session, scene, part, speaker, _ in (sounds[name][0] for name in blocks):
        assert session == speaker[2]
        if part in "RT":
            cells[speaker, scene[3], texts.index(scene[:3]) % 2] += 1
    assert len(cells) == 12 * 4 * 2 and min(cells.values()) >= 1


def test_consensus_is_what_most_raters_say(blocks):
    for name, (code, scores, raters) in blocks.items():
        assert 5 <= len(raters) == len({row[0] for row in raters}), name
        counts = collections.Counter(FOUR.get(row[1], "O") for row in raters)
        best = [letter for letter, count in counts.items() if count == max(counts.values())]
        assert code == (best[0] if len(best) == 1 else "X"), name
        for place, score in enumerate(scores):
            known = [row[3][place] for row in raters if not math.isnan(row[3][place])]
            assert score == pytest.approx(np.mean(known), abs=1e-6) and 1 <= score <= 5, name


def test_raters_disagree_and_leave_things_out(blocks):
    codes = collections.Counter(code for code, _, _ in blocks.values())
    assert codes["X"] >= 5 and codes["O"] >= 10
    unclear = [row for row in blocks.values() if row[0] in "OX"]
    assert sum(any(rater[1] in FOUR for rater in row[2]) for row in unclear) >= 10
    assert any(all(rater[1] not in FOUR for rater in row[2]) for row in unclear)
    raters = [rater for row in blocks.values() for rater in row[2]]
    lost = collections.Counter(sum(map(math.isnan, rater[3])) for rater in raters)
    assert lost[1] >= 20 and lost[4] >= 5 and lost[0] > 0.9 * len(raters)
    assert sum("," in rater[2] for rater in raters) > 0.2 * len(raters)
    assert {"Frustrated", "Excited", "Concerned", "Depressed"} <= {w for rater in raters for w in rater[2].split(",")}
    assert {"-", "_"} <= set("".join(rater[0] for rater in raters))
    agreed = collections.Counter(len({rater[1] for rater in row[2]}) == 1 for row in blocks.values())
    assert agreed[True] >= 60 and agreed[False] >= 60


def test_every_speaker_has_every_class(blocks, sounds):
    cells = collections.Counter((sounds[name][0][3], row[0]) for name, row in blocks.items() if row[0] in "AHNS")
    assert len(cells) == 48 and min(cells.values()) >= 3
    moved = [name for name, row in blocks.items() if row[0] in "AHNS" and row[0] != sounds[name][0][1][3]]
    assert len(moved) >= 10, "what is heard is not always what was asked for"


def test_sound(root, sounds):
    for path in root.rglob("[!.]*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (44100, 1, "PCM_16", "WAV")
    durations_s = [len(samples) / 44100 for _, samples in sounds.values()]
    assert 0.85 < min(durations_s) and max(durations_s) < 2.5 and 1.2 < np.mean(durations_s) < 1.65
    for name, (_, samples) in sounds.items():
        assert 0.02 < np.max(np.abs(samples)) < 0.99 and np.max(np.abs(samples[:882])) < 0.02, name
    hertz = np.fft.rfftfreq(44100, 1 / 44100)
    for _, samples in list(sounds.values())[::20]:
        power = np.abs(np.fft.rfft(samples, 44100)) ** 2
        assert power[hertz > 8500].sum() < 1e-4 * power.sum(), "no images above the synthesiser's band"


def test_emotions_differ_in_loudness_and_scores_follow(blocks, sounds):
    def mean(code, measure):
        return np.mean([measure(name) for name, row in blocks.items() if row[0] == code])

    def level_db(name):
        return 10 * np.log10(np.mean(sounds[name][1] ** 2))

    assert mean("A", level_db) > mean("N", level_db) + 1 > mean("S", level_db) + 2
    activation, valence, dominance = ({name: row[1][place] for name, row in blocks.items()} for place in range(3))
    assert mean("H", valence.get) > mean("N", valence.get) + 0.7 > mean("A", valence.get) + 1.4
    assert mean("A", activation.get) > mean("N", activation.get) + 0.7 > mean("S", activation.get) + 1.0
    assert mean("A", dominance.get) > mean("N", dominance.get) + 0.7


@pytest.mark.slow
def test_difficulty(blocks, sounds):
    """A linear classifier on unseen speakers does well, loudness alone does not, shuffled labels teach nothing."""
    opensmile = pytest.importorskip("opensmile")
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    names = sorted(name for name, row in blocks.items() if row[0] in "AHNS")
    heard = [soxr.resample(sounds[name][1], 44100, 16000) for name in names]
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)
    features = np.array([smile.process_signal(samples, 16000).to_numpy()[0] for samples in heard])
    loudness = np.array([[10 * np.log10(np.mean(samples**2)), np.max(np.abs(samples))] for samples in heard])
    speakers = np.array([sounds[name][0][3] for name in names])
    emotions = np.array([blocks[name][0] for name in names])

    def uar(inputs, labels):
        guesses = labels.copy()
        for speaker in set(speakers):
            test = speakers == speaker
            model = make_pipeline(StandardScaler(), LinearSVC(C=0.01, class_weight="balanced"))
            guesses[test] = model.fit(inputs[~test], labels[~test]).predict(inputs[test])
        return recall_score(labels, guesses, average="macro")

    assert 0.60 < uar(features, emotions) < 0.90
    assert uar(loudness, emotions) < 0.58
    shuffled = np.random.RandomState(0)
    assert np.mean([uar(features, shuffled.permutation(emotions)) for _ in range(3)]) < 0.34
