"""Writer of the mini corpus in MSP-IMPROV's layout: synthetic speech, no recording of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.testing.emotions import INTENSITY, cast, deliver
from speechbrain_ext.testing.english import free_talk, phones_of
from speechbrain_ext.testing.msp_improv_labels import block
from speechbrain_ext.testing.phones import segments_of
from speechbrain_ext.testing.speech import stream, synthesise
from speechbrain_ext.testing.wave_file import RESOURCE_FORK, at_rate, wav_bytes, write_bytes
from speechbrain_ext.utils.files import write_text

RATE_HZ = 44100
PEOPLE = {f"{gender}0{session}": gender for gender in "MF" for session in range(1, 7)}
LETTERS = {"anger": "A", "happiness": "H", "neutral": "N", "sadness": "S"}
# Sorted codes in turn give two halves of the texts; each speaker reads every emotion in both.
SENTENCES = {
    "S02": "Her name is on my book",
    "S06": "Find a shop before ten",
    "S11": "Help me sell a car",
    "S17": "I have left a ship, dad",
}
# Felt without being asked for: the emotion that was asked for then is a neighbour.
STRAY = {"frustration": "anger", "surprise": "happiness", "excited": "happiness", "disgust": "anger", "fear": "sadness"}
WEAK = (0.15, 0.50)
UNJUDGED = ("S06N-F03-P-FM09", "S17H-M05-S-MF09")
README = """\
# Mini corpus in the layout of MSP-IMPROV

SYNTHETIC. Nothing here was spoken or judged by anybody: every file was computed by `speechbrain_ext.testing`
(glottal pulses and noise through moving formants; raters are a small random model). It has the layout, the file
names and the speakers' names of the MSP-IMPROV corpus and is no part of it: no text, sound or label comes from
there. Numbers measured on it say that the code runs, and nothing about emotion in human speech.

- `Audio/sessionN/<sentence and emotion asked for>/<part>/MSP-IMPROV-<sentence…>-<speaker>-<part>-<turn>.wav`:
  44.1 kHz, 16 bit, mono (synthesised at 16 kHz: nothing is above 8 kHz). Parts: P natural interaction, R read,
  S other improvised turns, T improvised target sentence.
- `Evalution.txt` (the real corpus spells it so): the consensus and the raters of each turn.
- Sound that has no label, and files named `._*`, as another system leaves them.

A folder with `mini.json` in it is generated: it is replaced as a whole when it differs from what is written now.
"""


@dataclass(frozen=True)
class Turn:
    """One utterance before it is spoken; `text` is None where it stands in no script."""

    stem: str
    speaker: str
    emotion: str
    weak: bool
    text: str | None = None

    @property
    def folder(self) -> str:
        """Where its sound lies, below the root."""
        scene, _, part, _ = self.stem.split("-")
        return f"Audio/session{self.speaker[2]}/{scene}/{part}"


def _turns(place: int) -> list[tuple[str, str, str, bool, str]]:
    """Part, emotion, emotion asked for, whether it is hardly put on, and sentence of one speaker's turns."""
    codes, emotions = sorted(SENTENCES), sorted(LETTERS)
    halves = (codes[0::2], codes[1::2])
    turns = []
    for number, emotion in enumerate(emotions):
        for half in halves:
            turns.append(("T", emotion, emotion, False, half[(place + number) % 2]))
        turns.append(("R", emotion, emotion, False, codes[(place + number + place // 4) % 4]))
        turns.append(("S", emotion, emotion, False, codes[(place + 3 * number + 1) % 4]))
    strays = sorted(STRAY)
    for step in (0, 2):
        stray = strays[(place + step) % len(strays)]
        turns.append(("S", stray, STRAY[stray], False, codes[(place + step) % 4]))
    hidden = emotions[place % 4]
    turns.append(("S", hidden, hidden, True, codes[(place + 1) % 4]))
    for step, (emotion, weak) in enumerate(
        (("neutral", False), ("happiness", True), (emotions[(place + 1) % 4], True))
    ):
        turns.append(("P", emotion, emotions[(place + step) % 4], weak, codes[(place + step) % 4]))
    return turns


def _plan() -> list[Turn]:
    """All turns, sorted by name; the same for every seed."""
    plan = []
    for place, person in enumerate(sorted(PEOPLE)):
        gender = PEOPLE[person]
        numbers: dict[str, int] = {}
        for part, emotion, asked, weak, sentence in _turns(place):
            partner = gender if part == "R" else "MF"[gender == "M"]
            stem = f"{sentence}{LETTERS[asked]}-{person}-{part}-{gender}{partner}"
            numbers[stem] = numbers.get(stem, 0) + 1
            text = SENTENCES[sentence] if part in "RT" else None
            plan.append(Turn(f"{stem}{numbers[stem]:02d}", person, emotion, weak, text))
    plan += [Turn(stem, stem.split("-")[1], "neutral", True) for stem in UNJUDGED]
    return sorted(plan, key=lambda turn: turn.stem)


def write_corpus(root: str | Path, seed: int = 0, progress: bool = False) -> None:
    """Write the mini corpus: 264 judged turns of 12 speakers in 6 sessions, and 2 that no rater heard.

    Arguments
    ---------
    root : str or Path
        Folder to write; it is made. The same seed gives the same bytes.
    seed : int
        Other seeds give other utterances and judgements of the same people and sentences.
    progress : bool
        Show a bar on stderr.
    """
    from tqdm import tqdm

    root = Path(root)
    people = cast("MSP-IMPROV", PEOPLE)
    blocks = []
    for turn in tqdm(_plan(), desc="mini corpus MSP-IMPROV", unit="utt", disable=not progress, delay=2):
        random = stream("MSP-IMPROV", seed, turn.stem)
        intensity = random.uniform(*(WEAK if turn.weak else INTENSITY))
        text = turn.text or free_talk(random)
        delivery = deliver(people[turn.speaker], turn.emotion, random, intensity)
        samples = synthesise(segments_of(phones_of(text)), delivery, random)
        path = root / turn.folder / f"MSP-IMPROV-{turn.stem}.wav"
        write_bytes(path, wav_bytes(at_rate(samples, RATE_HZ), RATE_HZ))
        if turn.stem not in UNJUDGED:
            blocks.append(block(turn.stem, turn.emotion, intensity, seed))
    write_bytes(root / "Evalution.txt", "".join(blocks).replace("\n", "\r\n").encode("ascii"))
    write_bytes(root / "._Evalution.txt", RESOURCE_FORK)
    write_bytes(root / _plan()[0].folder / f"._MSP-IMPROV-{_plan()[0].stem}.wav", RESOURCE_FORK)
    write_text(root / "README.md", README)
