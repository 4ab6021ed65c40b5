"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture Database: 10039 utterances, 5 sessions, 10 speakers.

A woman and a man act together in each session, improvised scenes and scripted ones; three evaluators or so judge each
utterance. The `F` of the dialog `Ses01F_impro01` says who wore the markers, not who speaks: both speak in every
dialog, and the speaker is the letter of the utterance's last field (`Ses01F_impro01_M000` is the man of session 1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from speechbrain_ext.corpora.corpus import Corpus, Expected, Spoken, Subset
from speechbrain_ext.corpora.corpus_folder import list_folder, wrong_root
from speechbrain_ext.corpora.iemocap_labels import EMOTION_OF_CODE, TURN, Block, parse_labels
from speechbrain_ext.corpora.label_files import decode, odd_notes, unique_blocks
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.regular_file import read_regular

SESSIONS = ("1", "2", "3", "4", "5")
# the letter behind the number (impro05a, script01_1b) distinguishes recordings of one text
DIALOG = re.compile(r"Ses0(?P<session>[1-5])[FM]_(?P<text>impro[0-9]{2}|script[0-9]{2}_[0-9])[a-z]?")
LAYOUT = "SessionN/dialog/EmoEvaluation/<dialog>.txt and SessionN/sentences/wav/<dialog>/<utterance>.wav, N = 1 to 5"
FOUR = Task(("anger", "happiness", "neutral", "sadness"), merge_excited=True)


def scan(root: str | Path, notes: list[str] | None = None) -> list[Utterance]:
    """Read the corpus from its label files, and the names of its wav files.

    Arguments
    ---------
    root : str or Path
        The folder that holds `Session1` to `Session5`.
    notes : list of str, optional
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
        Some label files are damaged; all faults are listed at once, by file and line.
    """
    root, notes = Path(root), [] if notes is None else notes
    files, strange = _label_files(root)
    faults: list[Fault] = []
    blocks: dict[str, Block] = {}
    repeated: list[str] = []
    for path, session in files:
        file = path.relative_to(root).as_posix()
        found = _blocks_of_file(path, session, file, faults)
        of_file, again = unique_blocks(found, file, "utterance", faults)
        blocks |= of_file
        repeated += again
    good = [_utterance(block) for _, block in sorted(blocks.items())]
    if faults:
        raise CorpusFaults(faults, good)
    if not good:
        raise _wrong_root(root, "no utterance in the label files")
    outside = sorted(name for name, block in blocks.items() if any(not 1 <= value <= 5 for value in block.numbers()))
    kinds = {
        "wav files have no label and are left out": _without_label(root, good),
        "text files next to the label files have no dialog's name and are left out": strange,
        "blocks are in a label file twice, the same, and are read once": repeated,
        "utterances have no evaluator": [item.id for item in good if not item.votes],
        "utterances have attributes outside 1 to 5": outside,
    }
    notes += odd_notes(kinds)
    return good


def _label_files(root: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Give the label files with their sessions, and the names of the other text files in their folders."""
    files, strange = [], []
    for session in SESSIONS:
        for path in list_folder(root / f"Session{session}" / "dialog" / "EmoEvaluation"):
            if path.suffix == ".txt":
                if DIALOG.fullmatch(path.stem):
                    files.append((path, session))
                else:
                    strange.append(path.relative_to(root).as_posix())
    if not files:
        raise _wrong_root(root, "no label files")
    return files, strange


def _wrong_root(root: Path, found: str) -> UserError:
    return wrong_root(root, "IEMOCAP", LAYOUT, "name the folder that holds Session1", found)


def session_and_text(dialog: str) -> tuple[str, str]:
    """Read session and text from the name of a dialog.

    Example
    -------
    >>> session_and_text("Ses03M_script01_1b")
    ('3', 'script01_1')
    """
    match = DIALOG.fullmatch(dialog)
    if match is None:
        raise ValueError(f"{dialog}: expected the name of a dialog")
    return match["session"], match["text"]


def spoken_of(name: str) -> Spoken | None:
    """Read who speaks and what from an utterance's name; None where it is not the corpus's.

    Example
    -------
    >>> spoken_of("Ses03M_impro05a_F012")
    Spoken(speaker='Ses03F', gender='F', session='3', text_id='impro05')
    """
    dialog, _, turn = name.rpartition("_")
    if not DIALOG.fullmatch(dialog) or not TURN.fullmatch(turn):
        return None
    return _spoken(dialog, turn)


def _spoken(dialog: str, turn: str) -> Spoken:
    session, text = session_and_text(dialog)
    return Spoken(speaker=f"Ses0{session}{turn[0]}", gender=turn[0], session=session, text_id=text)


def _blocks_of_file(path: Path, session: str, file: str, faults: list[Fault]) -> list[Block]:
    of_session, _ = session_and_text(path.stem)
    if of_session != session:
        faults.append(Fault(file, f"a dialog of session {of_session}", f"dialogs of session {session} in its folder"))
        return []
    try:
        content = read_regular(path)
    except OSError as fault:
        faults.append(Fault(file, f"unreadable: {fault.strerror}", "a text file"))
        return []
    if not content.strip():
        faults.append(Fault(f"{file} line 1", "an empty file", "a block for each utterance of the dialog"))
        return []
    blocks, wrong = parse_labels(decode(content), path.stem, file)
    faults.extend(wrong)
    return blocks


def _utterance(block: Block) -> Utterance:
    dialog = block.id.removesuffix(f"_{block.turn}")
    spoken = _spoken(dialog, block.turn)
    extra = {
        "emotion_code": block.code,
        "dialog": dialog,
        "dialog_start_s": block.start_s,
        "dialog_end_s": block.end_s,
    }
    return Utterance(
        id=block.id,
        corpus="IEMOCAP",
        wav=f"Session{spoken.session}/sentences/wav/{dialog}/{block.id}.wav",
        **asdict(spoken),
        scenario="improvised" if "_impro" in dialog else "scripted",
        label=EMOTION_OF_CODE[block.code],
        votes=block.votes,
        vad=block.vad,
        extra=extra | ({"self": block.own} if block.own else {}),
    )


def _without_label(root: Path, utterances: Sequence[Utterance]) -> list[str]:
    known = {item.wav for item in utterances}
    folders = [entry for n in SESSIONS for entry in list_folder(root / f"Session{n}" / "sentences" / "wav")]
    files = [path for folder in folders for path in list_folder(folder) if path.suffix.lower() == ".wav"]
    names = (path.relative_to(root).as_posix() for path in files)
    return [name for name in names if name not in known]


CORPUS = Corpus(
    name="IEMOCAP",
    key="iemocap",
    scan=scan,
    task=FOUR,
    protocols=("session", "speaker", "speaker5", "random5", "speaker-text"),
    expected=Expected(
        utterances=10039,
        labels={
            **dict(anger=1103, disgust=2, excited=1041, fear=40, frustration=1849, happiness=595, neutral=1708),
            **dict(other=3, sadness=1084, surprise=107, none=2507),
        },
        subsets=(
            Subset(
                name="four classes, excited in happiness",
                task=FOUR,
                utterances=5531,
                labels=dict(anger=1103, happiness=1636, neutral=1708, sadness=1084),
                speakers={
                    **dict(Ses01F=528, Ses01M=557, Ses02F=481, Ses02M=542, Ses03F=522),
                    **dict(Ses03M=629, Ses04F=528, Ses04M=503, Ses05F=590, Ses05M=651),
                },
                sessions={"1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241},
            ),
            Subset(
                name="four classes without excited",
                task=replace(FOUR, merge_excited=False),
                utterances=4490,
                labels=dict(anger=1103, happiness=595, neutral=1708, sadness=1084),
                sessions={"1": 942, "2": 813, "3": 1000, "4": 793, "5": 942},
            ),
            Subset(
                name="four classes, excited in happiness, improvised",
                task=replace(FOUR, scenarios=("improvised",)),
                utterances=2943,
                labels=dict(anger=289, happiness=947, neutral=1099, sadness=608),
            ),
        ),
    ),
    root_variable="IEMOCAP_ROOT",
    title="Interactive Emotional Dyadic Motion Capture Database",
    language="English",
    speaking="scripted and spontaneous",
    emotions="acted: improvised scenarios and plays",
    dimension_scale=(1.0, 5.0),
    licence="a licence from its owners at USC SAIL, https://sail.usc.edu/iemocap",
    citation="""@article{busso2008iemocap,
  author = {Busso, Carlos and Bulut, Murtaza and Lee, Chi-Chun and Kazemzadeh, Abe and Mower, Emily and Kim, Samuel
            and Chang, Jeannette N. and Lee, Sungbok and Narayanan, Shrikanth S.},
  title = {{IEMOCAP}: Interactive Emotional Dyadic Motion Capture Database},
  journal = {Language Resources and Evaluation},
  volume = {42},
  number = {4},
  pages = {335--359},
  year = {2008},
  doi = {10.1007/s10579-008-9076-6}
}""",
    layout=LAYOUT,
    spoken_of=spoken_of,
    labels_apart=True,
    texts_repeat={"scenario": ("scripted",)},
)
