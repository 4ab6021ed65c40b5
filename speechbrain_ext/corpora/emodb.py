"""EmoDB, the Berlin Database of Emotional Speech: 535 utterances, 10 speakers, 7 emotions, 10 sentences.

The corpus has no sessions and no official split, and its emotions are acted: the label is the emotion asked for.
Each file's name says all: `SSTTTEv.wav`, speaker, sentence, emotion (initial of its German name), version.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from pathlib import Path

from speechbrain_ext.corpora.corpus import Corpus, Expected, Spoken
from speechbrain_ext.corpora.corpus_folder import list_folder, wrong_root
from speechbrain_ext.corpora.download import fetch_zip
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.regular_file import read_regular

NAME = re.compile(r"(?P<speaker>[0-9]{2})(?P<text>[a-z][0-9]{2})(?P<emotion>[A-Z])(?P<version>[a-z])")
EMOTION_OF = {
    "W": "anger",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "T": "sadness",  # Trauer
    "N": "neutral",  # neutral
}
GENDER_OF = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "M"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "F"),
}
TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
LAYOUT = "wav/SSTTTEv.wav, such as wav/03a01Fa.wav (the wav files may also lie directly in the folder)"
URL = "http://www.emodb.bilderbar.info/download/download.zip"  # about 40 MB


def fetch(data: Path) -> Path:
    """Download EmoDB as its owners publish it to `<data>/EmoDB-download`, unless it is there already."""
    return fetch_zip("EmoDB", URL, data / "EmoDB-download")


def scan(root: str | Path, notes: list[str] | None = None) -> list[Utterance]:
    """Read the corpus from its files' names, and the perception test where it is there.

    Arguments
    ---------
    root : str or Path
        The folder that holds `wav/`, or the wav files themselves.
    notes : list of str or None
        For what is odd and no fault; this corpus has nothing of the kind.

    Returns
    -------
    list of Utterance
        Sorted by id; not measured.

    Raises
    ------
    UserError
        The folder does not hold the corpus.
    CorpusFaults
        Some names are not the corpus's; all of them are listed at once.
    """
    root = Path(root)
    files = _wav_files(root)
    perceived = _perception_test(root / "erkennung.txt")
    utterances: dict[str, Utterance] = {}
    faults: list[Fault] = []
    misnamed: list[str] = []
    for path in files:
        wav = path.relative_to(root).as_posix()
        if path.stem in utterances:
            faults.append(Fault(wav, f"a second file {path.stem}", "one file for each utterance"))
            continue
        found = _parse(path, wav, faults)
        if found is None:
            misnamed.append(wav)
        else:
            found.extra |= perceived.get(found.id, {})
            utterances[found.id] = found
    good = sorted(utterances.values(), key=lambda utterance: utterance.id)
    if faults:
        raise CorpusFaults(faults, good, tuple(misnamed))
    return good


def _wav_files(root: Path) -> list[Path]:
    for folder in (root / "wav", root):
        if files := [path for path in list_folder(folder) if path.suffix.lower() == ".wav"]:
            return files
    cure = "name the folder that holds wav, or --corpus-root download"
    raise wrong_root(root, "EmoDB", LAYOUT, cure, f"no wav files in {root / 'wav'} nor in the folder itself")


def spoken_of(name: str) -> Spoken | None:
    """Read who speaks and what from an utterance's name; None where it is not the corpus's.

    Example
    -------
    >>> spoken_of("03a01Fa")
    Spoken(speaker='03', gender='M', session=None, text_id='a01')
    """
    match = NAME.fullmatch(name)
    if match is None or match["speaker"] not in GENDER_OF:
        return None
    return _spoken(match)


def _spoken(match: re.Match[str]) -> Spoken:
    return Spoken(match["speaker"], GENDER_OF[match["speaker"]], session=None, text_id=match["text"])


def _parse(path: Path, wav: str, faults: list[Fault]) -> Utterance | None:
    match = NAME.fullmatch(path.stem)
    if match is None:
        faults.append(Fault(wav, f"the name {path.stem}", "SSTTTEv: 2 digits, a letter and 2 digits, 2 letters"))
        return None
    part = match.groupdict()
    known = (("speaker", GENDER_OF), ("text", TEXTS), ("emotion", EMOTION_OF))
    wrong = [
        Fault(wav, f"{name} {part[name]}", "one of " + " ".join(all_)) for name, all_ in known if part[name] not in all_
    ]
    if wrong:
        faults.extend(wrong)
        return None
    emotion = EMOTION_OF[part["emotion"]]
    return Utterance(
        id=path.stem,
        corpus="EmoDB",
        wav=wav,
        **asdict(_spoken(match)),
        label=emotion,
        intended=emotion,
        extra={"emotion_code": part["emotion"], "version": part["version"]},
    )


def _perception_test(path: Path) -> dict[str, dict[str, float]]:
    """Read the listeners' per cent by utterance; lines without two numbers are passed by."""
    try:
        text = read_regular(path).decode("iso-8859-1")
    except FileNotFoundError:
        return {}
    perceived = {}
    for line in text.splitlines():
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) < 4 or not columns[1].lower().endswith(".wav"):
            continue
        try:
            recognised, natural = (float(column.replace(",", ".")) for column in columns[2:4])
        except ValueError:
            continue
        if not (math.isfinite(recognised) and math.isfinite(natural)):
            continue
        perceived[Path(columns[1]).stem] = {"recognised_percent": recognised, "natural_percent": natural}
    return perceived


CORPUS = Corpus(
    name="EmoDB",
    key="emodb",
    scan=scan,
    task=Task(("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")),
    protocols=("random5", "speaker", "speaker5", "speaker-text"),
    expected=Expected(
        utterances=535,
        hours=0.41,
        labels=dict(anger=127, boredom=81, disgust=46, fear=69, happiness=71, neutral=79, sadness=62),
        speakers={
            **{"03": 49, "08": 58, "09": 43, "10": 38, "11": 55},
            **{"12": 35, "13": 61, "14": 69, "15": 56, "16": 71},
        },
    ),
    root_variable="EMODB_ROOT",
    title="Berlin Database of Emotional Speech",
    language="German",
    speaking="scripted",
    emotions="acted",
    licence="free of charge from its owners, http://www.emodb.bilderbar.info",
    citation="""@inproceedings{burkhardt2005database,
  author = {Burkhardt, Felix and Paeschke, Astrid and Rolfes, Miriam and Sendlmeier, Walter F. and Weiss, Benjamin},
  title = {A Database of {German} Emotional Speech},
  booktitle = {Proc. Interspeech},
  year = {2005},
  pages = {1517--1520},
  doi = {10.21437/Interspeech.2005-446}
}""",
    layout=LAYOUT,
    download=fetch,
    spoken_of=spoken_of,
)
