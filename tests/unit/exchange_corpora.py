"""Small corpora of every kind, and what is compared after a round trip."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.exchange import audformat


def emodb():
    """Two sentences, all labels of EmoDB, by four speakers."""
    codes = dict(W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral")
    items = []
    for speaker, gender in (("03", "M"), ("08", "F"), ("09", "F"), ("10", "M")):
        for text in ("a01", "b02"):
            for code, label in codes.items():
                name = f"{speaker}{text}{code}a"
                item = Utterance(id=name, corpus="EmoDB", wav=f"wav/{name}.wav", speaker=speaker, gender=gender)
                items.append(replace(item, text_id=text, label=label, intended=label))
    return measured(items)


def iemocap():
    """Both speakers in dialogs of both, one of them with a letter behind its number, and an utterance without label."""
    items, labels = [], ("anger", "excited", "neutral", "sadness", "happiness", None)
    for session in "123":
        for dialog, text in ((f"Ses0{session}F_impro01", "impro01"), (f"Ses0{session}M_script01_1b", "script01_1")):
            for gender in "FM":
                for number, label in enumerate(labels):
                    name = f"{dialog}_{gender}{number:03d}"
                    wav = f"Session{session}/sentences/wav/{dialog}/{name}.wav"
                    item = Utterance(id=name, corpus="IEMOCAP", wav=wav, speaker=f"Ses0{session}{gender}", label=label)
                    item.gender, item.session, item.text_id = gender, session, text
                    item.vad = [2.5, 3.0 + number / 7, 1 / 3]
                    items.append(item)
    return measured(items)


def msp_improv():
    items = []
    for session in "123":
        for gender in "FM":
            for code, label in dict(A="anger", H="happiness", N="neutral", S="sadness").items():
                name = f"MSP-IMPROV-S01{code}-{gender}0{session}-P-FM01"
                wav = f"session{session}/S01{code}/P/{name}.wav"
                item = Utterance(id=name, corpus="MSP-IMPROV", wav=wav, speaker=f"{gender}0{session}", label=label)
                item.gender, item.session, item.text_id = gender, session, "S01"
                items.append(item)
    return measured(items)


def segments():
    """A corpus of nobody: stretches of long files, speakers that no name tells, one of them of unknown gender."""
    items = []
    for speaker, gender in (("ann", "F"), ("bob", None), ("007", "M")):
        for number, label in enumerate(("surprise", "other", "contempt", "frustration")):
            item = Utterance(id=f"{speaker} {number}", corpus="My Own", wav=f"{speaker}, long.wav", speaker=speaker)
            item.start_s, item.end_s = round(number * 61.1, 9), round(number * 61.1 + 0.7, 9)
            items.append(replace(item, gender=gender, label=label, session=f"s{number % 2}"))
    return measured(items)


def measured(items):
    hashes = [hashlib.sha256(item.id.encode()).hexdigest() for item in items]
    numbered = enumerate(zip(items, hashes, strict=True))
    return [replace(item, sha256=hash_, sample_rate_hz=16000, num_samples=8000 + n) for n, (item, hash_) in numbered]


def facts(items, *names):
    """What each utterance is, by id."""
    fields = names or ("wav", "start_s", "end_s", "speaker", "gender", "session", "text_id", "label")
    return {item.id: tuple(getattr(item, name) for name in fields) for item in items}


def parts(folds):
    return [(fold.name, *(sorted(fold.part(part)) for part in ("train", "dev", "test"))) for fold in folds]


def of_folds(items, folds):
    ids = {id_ for fold in folds.folds for id_ in fold.ids}
    return [item for item in items if item.id in ids]


def export_audformat(*arguments):
    """Export with the package audformat, or skip the test."""
    pytest.importorskip("audformat", reason="the package audformat is missing: pip install '.[audformat]'")
    return audformat.export_audformat(*arguments)
