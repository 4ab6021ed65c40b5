"""MSP-IMPROV: 8438 turns of 12 actors in 6 sessions, improvised and read, and how raters perceived each of them.

A woman and a man act together in each session. `F01` and `M01` are the two of session 1: a speaker's number alone
names two people. The emotion asked for stands in a turn's name and differs from the one perceived in many turns.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from speechbrain_ext.corpora.corpus import Corpus, Expected, Spoken, Subset
from speechbrain_ext.corpora.corpus_folder import wrong_root
from speechbrain_ext.corpora.label_files import Damage, decode, odd_notes, unique_blocks
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.corpora.msp_improv_labels import (
    EMOTION_OF_CODE,
    INTENDED,
    SCENARIO_OF_PART,
    Name,
    Turn,
    parse_labels,
    parse_name,
)
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.regular_file import read_regular

LABEL_FILES = ("Evalution.txt", "Evaluation.txt")  # the release's own spelling first
SESSIONS = tuple(f"session{number}" for number in range(1, 7))
LAYOUT = (
    "Evalution.txt (or Evaluation.txt) and [Audio/]sessionN/S01A/<part>/MSP-IMPROV-S01A-F01-<part>-FM01.wav, N = 1 to 6"
)


def scan(root: str | Path, notes: list[str] | None = None) -> list[Utterance]:
    """Read the corpus from its label file, and the names of its wav files.

    Arguments
    ---------
    root : str or Path
        The folder that holds the label file.
    notes : list of str or None
        Filled with what is odd and no fault, such as wav files without a label.

    Returns
    -------
    list of Utterance
        Sorted by id; not measured. A label whose wav file is missing is among them.

    Raises
    ------
    UserError
        The folder does not hold the corpus.
    CorpusFaults
        The label file is damaged, or wav files lie in a wrong folder; all faults are listed at once.
    """
    root = Path(root)
    file, text = _label_text(root)
    parsed, faults = parse_labels(text, file)
    turns, copies = unique_blocks(parsed, file, "turn", faults)
    if not parsed and not faults:
        faults.append(Fault(f"{file} line 1", "no turn in the file", "a block for each turn"))
    wavs = _wavs(root, faults)
    prefix = "Audio/" if (root / "Audio").is_dir() else ""
    good = [_utterance(turn, wavs.get(name), prefix) for name, turn in sorted(turns.items())]
    if faults:
        raise CorpusFaults(faults, good)
    if notes is not None:
        notes += odd_notes(_oddities(turns, wavs, copies))
    return good


def _label_text(root: Path) -> tuple[str, str]:
    """Give the label file's name and its text."""
    contents = {name: _bytes(root / name) for name in LABEL_FILES if (root / name).exists()}
    if not contents:
        raise wrong_root(root, "MSP-IMPROV", LAYOUT, "name the folder that holds Evalution.txt", "no label file")
    if len(set(contents.values())) > 1:
        both = " and ".join(LABEL_FILES)
        raise UserError(
            f"--corpus-root {root}: {both} differ, expected one label file: keep your release's, remove the other"
        )
    name, content = next(iter(contents.items()))
    return name, decode(content)


def _bytes(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as fault:
        raise UserError(f"{path}: {fault.strerror}: make it readable and run the command again") from None


def _wavs(root: Path, faults: list[Fault]) -> dict[str, str]:
    """Find the wav files: the path of each, relative to the root, by its name without suffix."""
    base = root / "Audio" if (root / "Audio").is_dir() else root
    wavs: dict[str, str] = {}
    for session in SESSIONS:
        for folder, inner, names in os.walk(base / session):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(names):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() != ".wav" or name.startswith("."):
                    continue
                path = Path(folder, name)
                wav = path.relative_to(root).as_posix()
                if stem in wavs:
                    faults.append(Fault(wav, f"a second file {stem}", "one file for each turn"))
                elif (fault := _misplaced(path, base, wav)) is not None:
                    faults.append(fault)
                else:
                    wavs[stem] = wav
    return wavs


def _misplaced(path: Path, base: Path, wav: str) -> Fault | None:
    folder = path.parent.relative_to(base).as_posix()
    try:
        expected = parse_name(path.stem).folder
    except Damage:
        return None  # not a turn's name: it has no label either, and is listed with those
    return None if folder == expected else Fault(wav, f"the folder {folder}", f"the folder {expected} by its name")


def spoken_of(name: str) -> Spoken | None:
    """Read who speaks and what from an utterance's name; None where it is not the corpus's.

    Example
    -------
    >>> spoken_of("MSP-IMPROV-S01A-F03-S-FM01")
    Spoken(speaker='F03', gender='F', session='3', text_id='S01')
    """
    try:
        return _spoken(parse_name(name))
    except Damage:
        return None


def _spoken(name: Name) -> Spoken:
    return Spoken(name.speaker, name.speaker[:1], name.session, text_id=name.sentence)


def _utterance(turn: Turn, wav: str | None, prefix: str) -> Utterance:
    name = turn.name
    return Utterance(
        id=name.id,
        corpus="MSP-IMPROV",
        wav=wav or f"{prefix}{name.folder}/{name.id}.wav",
        **asdict(_spoken(name)),
        scenario=SCENARIO_OF_PART[name.part],
        part=name.part,
        label=EMOTION_OF_CODE[turn.code],
        intended=INTENDED[name.intended],
        votes=list(turn.votes.values()),
        vad=turn.vad,
        extra={"emotion_code": turn.code, "turn": name.turn, "naturalness": turn.values["N"]},
    )


def _oddities(turns: Mapping[str, Turn], wavs: Mapping[str, str], copies: Sequence[str]) -> dict[str, list[str]]:
    """Give names of turns and files by what is odd about them and no fault."""
    by_name = sorted(turns.items())
    differing = "turns have two lines of one rater that differ, the first is read"
    return {
        "wav files have no label and are left out": [wav for name, wav in sorted(wavs.items()) if name not in turns],
        "blocks stand twice in the label file, the same, and are read once": sorted(copies),
        "turns have a rater's line twice, the same, read once": [name for name, turn in by_name if turn.repeated],
        differing: [name for name, turn in by_name if turn.differing],
        "turns have no rater": [name for name, turn in by_name if not turn.votes],
        "turns have attributes outside 1 to 5": [name for name, turn in by_name if turn.outside],
    }


FOUR = Task(("anger", "happiness", "neutral", "sadness"))
CORPUS = Corpus(
    name="MSP-IMPROV",
    key="mspimprov",
    scan=scan,
    task=FOUR,
    protocols=("session", "speaker", "speaker5", "random5", "speaker-text"),
    expected=Expected(
        utterances=8438,
        parts=dict(P=2785, R=620, S=4381, T=652),
        # how the other 640 turns divide into other and no agreement is not published
        subsets=(
            Subset(
                name="four classes",
                task=FOUR,
                utterances=7798,
                labels=dict(anger=792, happiness=2644, neutral=3477, sadness=885),
            ),
        ),
    ),
    root_variable="MSP_IMPROV_ROOT",
    title="MSP-IMPROV, an acted corpus of dyadic interactions to study emotion perception",
    language="English",
    speaking="scripted and spontaneous",
    emotions="acted: improvised scenarios; natural between them",
    dimension_scale=(1.0, 5.0),
    licence=(
        "a licence from its owners, the MSP laboratory at UT Dallas, "
        "https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html"
    ),
    citation="""@article{busso2017mspimprov,
  author = {Busso, Carlos and Parthasarathy, Srinivas and Burmania, Alec and AbdelWahab, Mohammed and Sadoughi, Najmeh
            and Mower Provost, Emily},
  title = {{MSP-IMPROV}: An Acted Corpus of Dyadic Interactions to Study Emotion Perception},
  journal = {IEEE Transactions on Affective Computing},
  volume = {8},
  number = {1},
  pages = {67--80},
  year = {2017},
  doi = {10.1109/TAFFC.2016.2515617}
}""",
    layout=LAYOUT,
    spoken_of=spoken_of,
    labels_apart=True,
    texts_repeat={"part": ("R", "T")},  # the read and the improvised target sentence
)
