"""Writer of the mini corpus in IEMOCAP's layout: synthetic speech, no recording of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.testing.emotions import INTENSITY, cast, deliver
from speechbrain_ext.testing.english import free_talk, phones_of
from speechbrain_ext.testing.iemocap_labels import Judged, judge, label_files
from speechbrain_ext.testing.phones import segments_of
from speechbrain_ext.testing.speech import SAMPLE_RATE_HZ, Random, stream, synthesise
from speechbrain_ext.testing.wave_file import RESOURCE_FORK, wav_bytes, write_bytes
from speechbrain_ext.utils.files import write_text

PEOPLE = {f"Ses0{session}{gender}": gender for gender in "MF" for session in range(1, 6)}
CLASSES = ("neutral", "anger", "sadness", "happiness", "excited")
RARE = ("surprise", "fear", "disgust")
WEAK = (0.25, 0.60)
SCRIPTS = {
    "script01_1": (
        "I had ten tickets", "Ben sold all of it", "Do not put it on my bed", "She can read it again",
        "Come and sit on it", "Dad lost a good key", "My mom is at home",
    ),
    "script01_3": (
        "He moved to a house", "Pack it all in a bag", "Ask him if he is in", "Her dog is at my door",
        "Tell Tom to go back", "It is four and no bus", "Let us keep it open",
    ),
    "script02_2": (
        "Please give her a letter", "I never made a bill", "Look at my cat, Ben", "All of us need more",
        "So let him call again", "She said it is here", "Leave my paper on it",
    ),
    "script03_1": (
        "My sister came today", "I hope to see her soon", "Get a table for ten", "Stop it, I can not go",
        "A train is far from here", "No visa and no money", "Tom is good at games",
    ),
}  # fmt: skip
# Every dialog of a session with who wears the markers. Each speaker has all classes in each pair, so that
# halves of the texts, by sorted code in turn, hold all classes too.
PAIRS = (
    (("impro01", "F"), ("impro05", "M")),
    (("impro03", "F"), ("impro08", "M")),
    (("script01_1", "M"), ("script02_2", "F")),
    (("script01_3", "F"), ("script03_1", "M")),
)
# Dialogs that were recorded in two parts, as in the real corpus; the second begins after four turns.
PARTS = {
    "Ses03M_impro05": ("Ses03M_impro05a", "Ses03M_impro05b"),
    "Ses03M_impro08": ("Ses03M_impro08a", "Ses03M_impro08b"),
    "Ses05M_script01_1": ("Ses05M_script01_1", "Ses05M_script01_1b"),
}
UNLABELLED = ("Ses01F_impro01", "Ses02M_script03_1", "Ses04M_impro08")
README = """\
# Mini corpus in the layout of IEMOCAP

SYNTHETIC. Nothing here was spoken or judged by anybody: every file was computed by `speechbrain_ext.testing`
(glottal pulses and noise through moving formants; raters are a small random model). It has the layout, the file
names and the speakers' names of the Interactive Emotional Dyadic Motion Capture database and is no part of it:
no text, sound or label comes from there. Numbers measured on it say that the code runs, and nothing about emotion
in human speech.

- `SessionN/sentences/wav/<dialog>/<utterance>.wav`: 16 kHz, 16 bit, mono.
- `SessionN/dialog/EmoEvaluation/<dialog>.txt`: labels, votes of three raters, valence, activation, dominance; the
  subfolders hold the same judgements rater by rater.
- `SessionN/dialog/transcriptions/<dialog>.txt`: what is said.
- Some files named `._*`, as another system leaves them, and a few utterances that nobody judged.

A folder with `mini.json` in it is generated: it is replaced as a whole when it differs from what is written now.
"""


@dataclass(frozen=True)
class Turn:
    """One utterance before it is spoken; `judged` is False for those that no rater heard."""

    dialog: str
    name: str
    speaker: str
    emotion: str
    weak: bool
    text: str | None
    judged: bool = True


def _moods(session: int, gender: str, pair: int, random: Random) -> list[tuple[str, bool]]:
    """Emotions of a speaker in the seven turns of a pair of dialogs, and whether they are hardly put on."""
    place = session + (gender == "F")
    last = ("frustration", RARE[place % 3])[pair == 1]
    moods = [*((emotion, False) for emotion in CLASSES), (last, False), (CLASSES[(place + pair) % 5], True)]
    return [moods[position] for position in random.permutation(7)]


def _plan() -> list[Turn]:
    """All turns in the order in which they are spoken; the same for every seed."""
    turns = []
    for session in range(1, 6):
        for pair, dialogs in enumerate(PAIRS):
            moods = {g: _moods(session, g, pair, stream("IEMOCAP", "moods", session, g, pair)) for g in "FM"}
            for scene, wearer in dialogs:
                order = wearer + ("M" if wearer == "F" else "F")
                scene_name = f"Ses0{session}{wearer}_{scene}"
                numbers: dict[tuple[str, str], int] = {}
                for position in range(7 + (scene_name in UNLABELLED)):
                    gender, judged = order[position % 2], position < 7
                    dialog = PARTS.get(scene_name, (scene_name, scene_name))[position >= 4]
                    number = numbers[dialog, gender] = numbers.get((dialog, gender), -1) + 1
                    emotion, weak = moods[gender].pop(0) if judged else ("neutral", True)
                    text = SCRIPTS[scene][position] if judged and scene in SCRIPTS else None
                    name, speaker = f"{dialog}_{gender}{number:03d}", f"Ses0{session}{gender}"
                    turns.append(Turn(dialog, name, speaker, emotion, weak, text, judged))
    return turns


def write_corpus(root: str | Path, seed: int = 0, progress: bool = False) -> None:
    """Write the mini corpus: 280 judged utterances of 10 speakers in 5 sessions, and 3 that no rater heard.

    Arguments
    ---------
    root : str or Path
        Folder to write; it is made. The same seed gives the same bytes.
    seed : int
        Other seeds give other utterances and judgements of the same people and scripts.
    progress : bool
        Show a bar on stderr.
    """
    from tqdm import tqdm

    root = Path(root)
    people = cast("IEMOCAP", PEOPLE)
    dialogs: dict[str, list[Judged]] = {}
    for turn in tqdm(_plan(), desc="mini corpus IEMOCAP", unit="utt", disable=not progress, delay=2):
        random = stream("IEMOCAP", seed, turn.name)
        intensity = random.uniform(*(WEAK if turn.weak else INTENSITY))
        text = turn.text or free_talk(random)
        delivery = deliver(people[turn.speaker], turn.emotion, random, intensity)
        samples = synthesise(segments_of(phones_of(text)), delivery, random)
        path = root / f"Session{turn.name[4]}" / "sentences" / "wav" / turn.dialog / f"{turn.name}.wav"
        write_bytes(path, wav_bytes(samples))
        turns = dialogs.setdefault(turn.dialog, [])
        start_s = (turns[-1].end_s if turns else 4.0) + random.uniform(0.2, 2.0)
        end_s = start_s + len(samples) / SAMPLE_RATE_HZ
        votes = judge(turn.name, turn.emotion, intensity, seed) if turn.judged else None
        turns.append(Judged(turn.name, text, start_s, end_s, votes))
    for dialog, turns in dialogs.items():
        folder = root / f"Session{dialog[4]}" / "dialog"
        for name, content in label_files(dialog, turns).items():
            write_bytes(folder / name, content.encode("latin-1"))
    _write_forks(root)
    write_text(root / "README.md", README)


def _write_forks(root: Path) -> None:
    """Resource forks next to real files, as the real corpus carries them."""
    for name in (
        "Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt",
        "Session3/dialog/EmoEvaluation/._Ses03M_impro05a.txt",
        "Session1/sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav",
        "Session5/sentences/wav/Ses05M_script01_1b/._Ses05M_script01_1b_F000.wav",
        "Session2/dialog/transcriptions/._Ses02F_impro03.txt",
    ):
        write_bytes(root / name, RESOURCE_FORK)
