"""MSP-IMPROV's label file and names: every oddity by hand, and a file of exactly the published counts."""

from collections import Counter

import pytest
from label_trees_msp import write_msp_labels
from msp_improv_blocks import HEAD, ID, MAN, MAN_ID, RATER, block, touch, write

from speechbrain_ext.corpora.manifest import Utterance, Vote, manifest_text, read_manifest
from speechbrain_ext.corpora.msp_improv import CORPUS, scan
from speechbrain_ext.preparation.edition import count, differences
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_text

CODES = dict(A="anger", H="happiness", S="sadness", N="neutral", O="other", X=None)


def only(root):
    (item,) = scan(root)
    return item


def test_fields_come_from_the_name_and_the_block(tmp_path):
    item = only(write(tmp_path, block(HEAD, RATER)))
    assert item == Utterance(
        id=ID,
        corpus="MSP-IMPROV",
        wav=f"session1/S01A/S/{ID}.wav",
        speaker="F01",
        gender="F",
        session="1",
        text_id="S01",
        scenario="improvised",
        part="S",
        label="neutral",
        intended="anger",
        votes=[Vote("rater_id-1", ["neutral"], ["other", "neutral"], [4.0, 3.0, 2.0])],
        vad=[3.5, 3.0, 2.0],
        extra={"emotion_code": "N", "turn": "FM01", "naturalness": 4.0},
    )


def test_a_woman_and_a_man_of_one_number_are_two_speakers(tmp_path):
    woman, man = scan(write(tmp_path, block(HEAD, RATER) + block(MAN, RATER)))
    assert (woman.speaker, woman.gender, man.speaker, man.gender) == ("F01", "F", "M01", "M")
    assert woman.session == man.session == "1"


@pytest.mark.parametrize(("code", "label"), CODES.items())
def test_consensus_letters(tmp_path, code, label):
    item = only(write(tmp_path, block(HEAD.replace("; N; A", f"; {code}; A"), RATER)))
    assert item.label == label and item.extra["emotion_code"] == code and item.intended == "anger"


@pytest.mark.parametrize(
    ("part", "scenario"), dict(P="natural", R="read", S="improvised", T="target improvised").items()
)
def test_parts_and_sessions(tmp_path, part, scenario):
    item = only(write(tmp_path, block(HEAD.replace("S01A-F01-S", f"S20S-M06-{part}"), RATER)))
    assert (item.part, item.scenario, item.session, item.text_id, item.intended) == (
        part,
        scenario,
        "6",
        "S20",
        "sadness",
    )
    assert item.wav == f"session6/S20S/{part}/MSP-IMPROV-S20S-M06-{part}-FM01.wav"


def test_both_spellings_of_the_label_file(tmp_path):
    text = block(HEAD, RATER)
    one, other = (scan(write(tmp_path / name, text, name)) for name in ("Evalution.txt", "Evaluation.txt"))
    assert one == other
    both = write(write(tmp_path / "both", text), text, "Evaluation.txt")
    assert scan(both) == one
    write(both, text + "\n", "Evaluation.txt")
    with pytest.raises(UserError, match="Evalution.txt and Evaluation.txt differ"):
        scan(both)


def test_with_and_without_audio_folder(tmp_path):
    root = write(tmp_path, block(HEAD, RATER))
    wav = f"session1/S01A/S/{ID}.wav"
    touch(root, wav)
    assert only(root).wav == wav
    touch(root, f"Audio/{wav}")
    assert only(root).wav == f"Audio/{wav}"
    (root / "Audio" / wav).unlink()
    assert only(root).wav == f"Audio/{wav}"


def test_capital_suffix_is_kept(tmp_path):
    touch(write(tmp_path, block(HEAD, RATER)), f"session1/S01A/S/{ID}.WAV")
    assert only(tmp_path).wav.endswith(f"{ID}.WAV")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark(tmp_path, end, mark):
    text = block(HEAD, RATER) + block(MAN, RATER)
    plain = scan(write(tmp_path / "plain", text))
    assert scan(write(tmp_path / "odd", mark + text.replace("\n", end).encode())) == plain


def test_latin_letters_in_a_secondary_emotion(tmp_path):
    text = block(HEAD, RATER.replace("Concerned", "blas\xe9"))
    assert only(write(tmp_path, text.encode("latin-1"))).votes[0].secondary == ["other", "neutral"]
    assert only(write(tmp_path, b"\xef\xbb\xbf" + text.encode("latin-1"))).id == ID


def test_blank_lines_may_be_missing_or_many(tmp_path):
    lines = [HEAD, RATER, MAN, RATER]
    plain = scan(write(tmp_path, block(*lines[:2]) + block(*lines[2:])))
    for text in ("\n".join(lines), "\n\n\n" + block(*lines[:2]) + " \t\n\n" + block(*lines[2:]) + "\n\n"):
        assert scan(write(tmp_path, text)) == plain


def test_spaces_around_the_separators(tmp_path):
    plain = only(write(tmp_path, block(HEAD, RATER)))
    for old, new in (("; ", ";"), ("; ", " ;\t"), (";\n", "\n"), (":", " : ")):
        assert only(write(tmp_path, block(HEAD, RATER).replace(old, new))) == plain


def test_scores_are_read_by_their_letter(tmp_path):
    swapped = HEAD.replace("A:3.000000; V:3.500000", "V:3.500000; A:3.000000")
    assert only(write(tmp_path, block(swapped, RATER))).vad == [3.5, 3.0, 2.0]


@pytest.mark.parametrize(
    ("letter", "vad", "voted", "naturalness"),
    [
        ("A", [3.5, None, 2.0], [4.0, None, 2.0], 4.0),
        ("V", [None, 3.0, 2.0], [None, 3.0, 2.0], 4.0),
        ("D", [3.5, 3.0, None], [4.0, 3.0, None], 4.0),
        ("N", [3.5, 3.0, 2.0], [4.0, 3.0, 2.0], None),
        ("AVDN", None, None, None),
        ("AVD", None, None, 4.0),
    ],
)
@pytest.mark.parametrize("word", ["NaN", "nan"])
def test_a_missing_score_keeps_its_place(tmp_path, letter, vad, voted, naturalness, word):
    def without(line):
        cells = [cell.strip() for cell in line.split(";")]
        return "; ".join(f"{cell[0]}:{word}" if cell[:1] in letter and cell[1:2] == ":" else cell for cell in cells)

    item = only(write(tmp_path, block(without(HEAD), without(RATER))))
    assert (item.vad, item.votes[0].vad, item.extra["naturalness"]) == (vad, voted, naturalness)


@pytest.mark.parametrize(
    ("said", "primary", "secondary"),
    [
        ("Sad; Sad", "sadness", ["sadness"]),
        ("Angry; Frustrated,Disgusted", "anger", ["frustration", "disgust"]),
        ("Happy; Excited,Surprised,Happy", "happiness", ["excited", "surprise", "happiness"]),
        ("Other; Fear,Contempt,Bored,Other", "other", ["fear", "contempt", "boredom", "other"]),
        ("neutral; Depressed,Annoyed,Neutral,Concerned", "neutral", ["other", "neutral"]),
        ("Neutral; Neutral , Sad,Neutral,", "neutral", ["neutral", "sadness"]),
        ("Neutral; ", "neutral", []),
        ("Other; Sad,in love; not sure", "other", ["sadness", "other"]),
    ],
)
def test_primary_and_secondary_emotions(tmp_path, said, primary, secondary):
    vote = only(write(tmp_path, block(HEAD, RATER.replace("Neutral; Concerned,Neutral", said)))).votes[0]
    assert (vote.labels, vote.secondary) == ([primary], secondary)


@pytest.mark.parametrize(
    ("written", "rater"), [("R-a_B-9", "a_B-9"), ("WORKER00000104", "WORKER00000104"), ("-1_", "-1_"), ("R-R-1", "R-1")]
)
def test_raters_are_letters_digits_hyphens_and_underscores(tmp_path, written, rater):
    item = only(write(tmp_path, block(HEAD, RATER.replace("R-rater_id-1", written))))
    assert [vote.rater for vote in item.votes] == [rater]


def test_raters_keep_the_order_of_the_file(tmp_path):
    lines = [RATER.replace("rater_id-1", name) for name in ("z", "a", "m")]
    assert [vote.rater for vote in only(write(tmp_path, block(HEAD, *lines))).votes] == ["z", "a", "m"]


def test_what_is_odd_is_noted(tmp_path):
    lone = MAN.replace("MF01", "MF02").replace("D:2.000000", "D:0.500000")
    text = block(HEAD, RATER, RATER, RATER.replace("Neutral;", "Sad;")) + block(MAN, RATER) * 2 + block(lone)
    notes = []
    items = scan(write(tmp_path, text), notes)
    assert len(items[0].votes) == 1 and items[0].votes[0].labels == ["neutral"]
    assert notes == [
        f"1 blocks stand twice in the label file, the same, and are read once: first {MAN_ID}",
        f"1 turns have a rater's line twice, the same, read once: first {ID}",
        f"1 turns have two lines of one rater that differ, the first is read: first {ID}",
        f"1 turns have no rater: first {MAN_ID[:-1]}2",
        f"1 turns have attributes outside 1 to 5: first {MAN_ID[:-1]}2",
    ]
    assert scan(tmp_path) == items


def test_wavs_without_label_are_noted_and_labels_without_wav_kept(tmp_path):
    root = write(tmp_path, block(HEAD, RATER) + block(MAN, RATER))
    known, unknown = f"session1/S01A/S/{ID}.wav", "session1/S01A/R/MSP-IMPROV-S01A-F01-R-FM09.wav"
    hidden = (f"session1/S01A/S/._{ID}.wav", f"session1/S01A/S/.{ID}.wav", f"session1/._S01A/S/{ID}.wav")
    touch(root, known, unknown, "session2/other.wav", "session1/S01A/S/readme.txt", *hidden, "._Evalution.txt")
    notes = []
    items = scan(root, notes)
    assert [item.id for item in items] == [ID, MAN_ID]
    assert notes == [f"2 wav files have no label and are left out: first {unknown}"]


def test_order_of_blocks_does_not_matter(tmp_path):
    one, other = block(HEAD, RATER), block(MAN, RATER)
    assert scan(write(tmp_path / "a", one + other)) == scan(write(tmp_path / "b", other + one))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    return root, write_msp_labels(root), scan(root)


def test_published_counts(published):
    _, _, items = published
    labels = Counter(item.label for item in items)
    assert len(items) == 8438 == len({item.id for item in items})
    assert Counter(item.part for item in items) == dict(P=2785, R=620, S=4381, T=652)
    four = ("anger", "happiness", "sadness", "neutral")
    assert [labels[name] for name in four] == [792, 2644, 885, 3477]
    assert labels["other"] + labels[None] == 640
    assert sum(item.label in four for item in items) == 7798
    assert sum(item.label in four and item.part == "S" for item in items) == 4379
    assert {item.speaker for item in items} == {f"{letter}0{number}" for letter in "FM" for number in range(1, 7)}
    assert {item.session for item in items} == set("123456")
    assert {item.text_id for item in items} == {f"S{number:02d}" for number in range(1, 21)}


def test_every_turn_comes_out_as_written(published):
    _, written, items = published
    words = CODES
    for turn, item in zip(sorted(written, key=lambda turn: turn["id"]), items, strict=True):
        assert item.id == turn["id"] and item.label == words[turn["code"]] and item.vad == turn["vad"]
        assert (item.speaker, item.part, item.text_id) == (turn["speaker"], turn["part"], turn["sentence"])
        assert item.intended == words[turn["intended"]] and item.session == turn["speaker"][-1]
        assert [vote.labels for vote in item.votes] == [[words[letter]] for letter in turn["votes"]]


def test_published_counts_are_no_difference_and_a_turn_less_is(published, tmp_path):
    _, _, items = published

    def told(utterances):
        return differences(CORPUS, count(utterances, CORPUS.expected.subsets))

    assert told(items) == []
    (four,) = CORPUS.expected.subsets
    assert four.labels == dict(anger=792, happiness=2644, neutral=3477, sadness=885)
    assert CORPUS.labels_apart, "a label without its wav is left out with a note, as the release has some"
    assert told([item for item in items if item.id != items[0].id])[0] == "utterances 8437 (published 8438)"
    write_text(tmp_path / "manifest.jsonl", manifest_text(items))
    assert read_manifest(tmp_path / "manifest.jsonl") == items


def test_the_other_spelling_with_other_line_ends_is_the_same(published, tmp_path):
    _, _, items = published
    write_msp_labels(tmp_path, "Evaluation.txt", "\r\n")
    assert scan(tmp_path) == items


def test_attributes_are_rated_from_1_to_5():
    assert CORPUS.dimension_scale == (1.0, 5.0)
