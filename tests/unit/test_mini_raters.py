"""Raters, words, rates and names of the mini corpora."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from speechbrain_ext.bin import mini
from speechbrain_ext.corpora.labels import EMOTIONS as VOCABULARY
from speechbrain_ext.testing import find_writers, mini_corpus
from speechbrain_ext.testing.emotions import EMOTIONS, cast, deliver
from speechbrain_ext.testing.english import LEXICON, free_talk, phones_of
from speechbrain_ext.testing.phones import PHONES
from speechbrain_ext.testing.raters import AFFECT, NEIGHBOURS, panel
from speechbrain_ext.testing.speech import stream
from speechbrain_ext.testing.wave_file import at_rate


def test_every_emotion_can_be_spoken_heard_and_mistaken():
    assert EMOTIONS.keys() == AFFECT.keys() == NEIGHBOURS.keys() < set(VOCABULARY)
    for emotion, others in NEIGHBOURS.items():
        assert emotion not in others and others.keys() < set(VOCABULARY)


@pytest.mark.parametrize("emotion", sorted(EMOTIONS))
def test_what_is_delivered_strongly_is_heard_and_felt(emotion):
    rater = panel("toy", ["E1"])[0]
    random = stream("test", emotion)
    shares, scores = [], []
    for intensity in (0.2, 0.6, 1.0):
        heard = collections.Counter(rater.hear(emotion, intensity, random)[0] for _ in range(400))
        shares.append(heard[emotion] / 400)
        scores.append(np.mean([rater.rate(emotion, intensity, random) for _ in range(400)], axis=0))
    assert shares[0] < shares[1] < shares[2] and shares[0] < 0.5 and shares[2] > 0.8
    strong = np.abs(AFFECT[emotion]) > 0.9
    assert np.all((scores[2] - scores[0])[strong] * np.sign(AFFECT[emotion])[strong] > 0.4)


def test_a_weak_delivery_sounds_neutral():
    random = stream("test", "weak")
    heard = collections.Counter(panel("toy", ["E1"])[0].hear("anger", 0.2, random)[0] for _ in range(400))
    assert heard["neutral"] > max(count for label, count in heard.items() if label not in ("neutral", "anger"))


def test_intensity_may_be_drawn_or_given_without_moving_the_stream():
    person = cast("toy", {"x": "F"})["x"]
    drawn, given = stream("a"), stream("a")
    first = deliver(person, "anger", drawn)
    intensity = stream("a").uniform(0.75, 1.20)
    assert deliver(person, "anger", given, intensity) == first
    assert drawn.uniform() == given.uniform()
    assert deliver(person, "anger", stream("a"), 0.0).level_db < first.level_db


def test_words_have_known_phones():
    for word, phones in LEXICON.items():
        assert word == word.lower() and all(phone in PHONES for phone in phones.split())
    assert {free_talk(stream(place)) for place in range(50)} > {free_talk(stream(0))}
    with pytest.raises(KeyError):
        phones_of("unheard")


def test_another_rate_holds_the_same_sound():
    times_s = np.arange(1600) / 16000
    tone = np.round(8000 * np.sin(2 * np.pi * 440 * times_s)).astype(np.int16)
    wide = at_rate(tone, 44100)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(4410) / 44100)
    assert wide.dtype == np.int16 and wide.shape == (4410,)
    assert np.max(np.abs(wide[300:-300] - expected[300:-300])) < 40
    np.testing.assert_array_equal(at_rate(tone, 16000), tone)


@pytest.mark.parametrize("name", ["MSP-IMPROV", "mspimprov", "IEMOCAP", "Emo-DB"])
def test_the_name_of_a_corpus_is_free_in_case_and_hyphens(name, tmp_path, monkeypatch):
    called = []

    def writer_of(corpus):
        return lambda root, progress: (called.append(corpus), root.mkdir())

    writers = {corpus: writer_of(corpus) for corpus in find_writers()}
    monkeypatch.setattr(mini_corpus, "find_writers", lambda: writers)
    mini.main(["--corpus", name, "--out", str(tmp_path / "corpus")])
    assert called == [name.replace("-", "").lower()]
