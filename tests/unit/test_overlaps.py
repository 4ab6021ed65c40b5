"""What two corpora share."""

from __future__ import annotations

import pytest

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.preparation.overlaps import corpus_overlaps
from speechbrain_ext.utils.errors import UserError


def items(corpus: str, *rows: tuple[str, str, str | None, str | None]) -> list[Utterance]:
    return [
        Utterance(id=id_, corpus=corpus, wav=f"{id_}.wav", speaker=speaker, text_id=text, sha256=sha)
        for id_, speaker, text, sha in rows
    ]


A = items("A", ("a1", "03", "x", "h1"), ("a2", "08", "y", "h2"))


def test_nothing_shared_is_nothing_declared():
    assert corpus_overlaps(A, items("B", ("b1", "S1", "z", "h3"))) == ()


def test_the_same_audio_is_refused_and_named():
    with pytest.raises(UserError, match="A and B: 1 utterances have the same audio .a2 = b1.: .*leave one"):
        corpus_overlaps(A, items("B", ("b1", "S1", "z", "h2"), ("b2", "S1", "z", "h9")))


def test_names_of_speakers_and_sentences_are_declared():
    speakers, sentences = corpus_overlaps(A, items("B", ("b1", "03", "y", "h3"), ("b2", "09", None, "h4")))
    assert speakers.startswith("1 names of speakers are in both (03)")
    assert sentences.startswith("1 sentence codes are in both (y)")


def test_unread_audio_is_said_to_be_unknown_not_different():
    (found,) = corpus_overlaps(A, items("B", ("b1", "S1", None, None)))
    assert found.startswith("same audio: unknown for 1 utterances")
