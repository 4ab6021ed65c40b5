"""EmoDB's names, its layouts, and the real copy where there is one."""

import os
from collections import Counter

import pytest

from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.emodb import URL, scan, spoken_of
from speechbrain_ext.corpora.manifest import CorpusFaults, measure


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")


def test_the_corpus_is_downloaded_from_its_owners_into_the_folder_of_data(tmp_path, monkeypatch):
    """What `--corpus-root download` calls; the download itself is tested in test_download.py."""
    asked = []
    monkeypatch.setattr("speechbrain_ext.corpora.emodb.fetch_zip", lambda *words: asked.append(words) or words[2])
    assert get_corpus("EmoDB").download(tmp_path) == tmp_path / "EmoDB-download"
    assert asked == [("EmoDB", URL, tmp_path / "EmoDB-download")]


def test_fields_come_from_the_name(tmp_path):
    touch(tmp_path / "wav", "16b10Wb.wav", "03a01Fa.wav")
    first, second = scan(tmp_path)
    assert first.id == "03a01Fa" and first.wav == "wav/03a01Fa.wav" and first.corpus == "EmoDB"
    assert (first.speaker, first.gender, first.text_id, first.label, first.intended) == (
        "03",
        "M",
        "a01",
        "happiness",
        "happiness",
    )
    assert first.extra == {"emotion_code": "F", "version": "a"}
    assert first.session is None and first.sha256 is None and first.votes == []
    assert (second.speaker, second.gender, second.text_id, second.label) == ("16", "F", "b10", "anger")


@pytest.mark.parametrize(
    ("letter", "label"),
    dict(W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral").items(),
)
def test_letters_are_the_german_initials(tmp_path, letter, label):
    touch(tmp_path, f"08a02{letter}a.wav")
    assert scan(tmp_path)[0].label == label


def test_wavs_directly_in_the_folder_and_capital_suffixes(tmp_path):
    touch(tmp_path, "03a01Fa.WAV", "readme.txt")
    assert [item.wav for item in scan(tmp_path)] == ["03a01Fa.WAV"]


def test_hidden_files_and_resource_forks_are_passed_by(tmp_path):
    touch(tmp_path / "wav", "03a01Fa.wav", "._03a01Fa.wav", ".hidden.wav", "notes.txt")
    assert [item.id for item in scan(tmp_path)] == ["03a01Fa"]


def test_all_strange_names_are_told_at_once(tmp_path):
    good = ["03a01Fa.wav", "03a01Na.wav"]
    bad = {
        "04a01Fa.wav": "speaker 04",
        "03c01Fa.wav": "text c01",
        "03a01Xa.wav": "emotion X",
        "03a01F.wav": "the name 03a01F",
        "x03a01Fa.wav": "the name x03a01Fa",
        "03a01Fab.wav": "the name 03a01Fab",
        "\u0663\u0663a01Fa.wav": "the name",
    }
    touch(tmp_path / "wav", *good, *bad, "03a01Fa.WAV")
    with pytest.raises(CorpusFaults) as caught:
        scan(tmp_path)
    found = {fault.file.removeprefix("wav/"): fault.found for fault in caught.value.faults}
    assert len(caught.value.faults) == len(bad) + 1
    for name, told in bad.items():
        assert found[name].startswith(told)
    assert [item.id for item in caught.value.utterances] == ["03a01Fa", "03a01Na"]
    assert "\n" not in str(caught.value)


def test_perception_test_is_read_where_it_is(tmp_path):
    touch(tmp_path / "wav", "03a01Fa.wav", "03a01Nc.wav", "08a01Fd.wav")
    lines = [
        "Nr.\tSatz\terkannt\tnatuerlich",
        "3\xa0\xa0\t03a01Fa.wav\t90,00\xa0\xa0\t75,50\xa0",
        "5\xa0\xa0\t03a01Nc.wav\t100,00\xa0\t95,00\xa0",
        "6\t03a01Ab.wav\t65,00\t35,00",
        "7\t08a01Fd.wav\t-\t",
        "",
    ]
    (tmp_path / "erkennung.txt").write_bytes("\n".join(lines).encode("iso-8859-1"))
    happy, neutral, unheard = scan(tmp_path)
    assert happy.extra["recognised_percent"] == 90.0 and happy.extra["natural_percent"] == 75.5
    assert neutral.extra["recognised_percent"] == 100.0
    assert "recognised_percent" not in unheard.extra


def test_a_line_without_two_numbers_hides_no_line_below_it(tmp_path):
    touch(tmp_path / "wav", "03a01Fa.wav", "03a01Nc.wav")
    lines = [
        "Nr.\tSatz\terkannt\tnatuerlich",
        "1\t03a01Fa.wav\t-\t50,00",
        "2\t03a01Fa.wav\tnan\t50,00",
        "3\t03a01Fa.wav\t50,00\tinf",
        "4\t03a01Nc.wav\t100,00\t95,50\ta column more",
    ]
    (tmp_path / "erkennung.txt").write_bytes("\n".join(lines).encode("iso-8859-1"))
    unheard, neutral = scan(tmp_path)
    assert "recognised_percent" not in unheard.extra and "natural_percent" not in unheard.extra
    assert (neutral.extra["recognised_percent"], neutral.extra["natural_percent"]) == (100.0, 95.5)


def test_a_name_says_who_speaks_what_where_it_is_the_corpus_s():
    spoken = spoken_of("16b10Wb")
    assert (spoken.speaker, spoken.gender, spoken.session, spoken.text_id) == ("16", "F", None, "b10")
    assert spoken_of("04a01Fa") is None and spoken_of("recording 1") is None


real = pytest.mark.skipif(not os.environ.get("EMODB_ROOT"), reason="EMODB_ROOT is not set: no real EmoDB here")


@real
def test_real_corpus_has_the_published_counts():
    corpus = get_corpus("emodb")
    root = os.environ["EMODB_ROOT"]
    items = corpus.scan(root)
    assert len(items) == corpus.expected.utterances
    assert Counter(item.label for item in items) == corpus.expected.labels
    assert Counter(item.speaker for item in items) == corpus.expected.speakers
    measured, faults, notes = measure(items, root)
    assert faults == [] and notes == []
    assert len({item.sha256 for item in measured}) == 535
