"""Writer of the mini corpus in RAVDESS's layout: synthetic speech, no recording of anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from speechbrain_ext.testing.emotions import cast, deliver
from speechbrain_ext.testing.english import phones_of
from speechbrain_ext.testing.phones import segments_of
from speechbrain_ext.testing.speech import stream, synthesise
from speechbrain_ext.testing.wave_file import at_rate, wav_bytes, write_bytes
from speechbrain_ext.utils.files import write_text

RATE_HZ = 48000
ACTORS = {f"{number:02d}": "M" if number % 2 else "F" for number in range(1, 11)}
CODES = {
    "01": "neutral", "02": "calm", "03": "happiness", "04": "sadness",
    "05": "anger", "06": "fear", "07": "disgust", "08": "surprise",
}  # fmt: skip
SENTENCES = {"01": "Dad is at my door again", "02": "Tom put a book on it"}
# How much of an emotion is put on, by code of intensity.
INTENSITY = {"01": 0.8, "02": 1.2}
# Calm is a weak form of the one other emotion without arousal.
CALM_STYLE, CALM_SHARE = "boredom", 0.35
# The corpus has about a second of silence at both ends; a part of it, so that the mini corpus stays small.
SILENCE_MS = (250, 400)
README = """\
# Mini corpus in the layout of RAVDESS

SYNTHETIC. Nothing here was spoken by anybody: every file was computed by `speechbrain_ext.testing`
(glottal pulses and noise through moving formants). It has the layout and the file names of the Ryerson
Audio-Visual Database of Emotional Speech and Song and is no part of it; its sentences are others. Numbers
measured on it say that the code runs, and nothing about emotion in human speech.

- `Actor_AA/MM-CC-EE-II-SS-RR-AA.wav`: MM modality (03 audio only), CC channel (01 speech), EE emotion (01 neutral,
  02 calm, 03 happy, 04 sad, 05 angry, 06 fearful, 07 disgust, 08 surprised), II intensity (01 normal, 02 strong),
  SS sentence, RR repetition, AA actor (odd: a man, even: a woman). 48 kHz, 16 bit, mono.

A folder with `mini.json` in it is generated: it is replaced when it differs from what is written now.
"""


@dataclass(frozen=True)
class Planned:
    """One utterance before it is spoken, by the codes of its name."""

    actor: str
    emotion: str
    intensity: str
    sentence: str
    repetition: str

    @property
    def name(self) -> str:
        return f"03-01-{self.emotion}-{self.intensity}-{self.sentence}-{self.repetition}-{self.actor}"


def _plan() -> Iterator[Planned]:
    """Each actor says each sentence twice in each emotion, once in each intensity; neutral has one intensity."""
    for actor in ACTORS:
        for code, emotion in CODES.items():
            for place, sentence in enumerate(SENTENCES):
                for turn in range(2):
                    intensity = "01" if emotion == "neutral" else f"{turn + 1:02d}"
                    yield Planned(actor, code, intensity, sentence, f"{(place + turn) % 2 + 1:02d}")


def write_corpus(root: str | Path, seed: int = 0, progress: bool = False) -> None:
    """Write the mini corpus: 320 utterances of 10 actors in 8 emotions.

    Arguments
    ---------
    root : str or Path
        Folder to write; it is made. The same seed gives the same bytes.
    seed : int
        Other seeds give other utterances of the same people and sentences.
    progress : bool
        Show a bar on stderr.
    """
    from tqdm import tqdm

    root = Path(root)
    people = cast("RAVDESS", ACTORS)
    for item in tqdm(list(_plan()), desc="mini corpus RAVDESS", unit="utt", disable=not progress, delay=2):
        random = stream("RAVDESS", seed, item.name)
        emotion, share = CODES[item.emotion], INTENSITY[item.intensity]
        if emotion == "calm":
            emotion, share = CALM_STYLE, CALM_SHARE * share
        delivery = deliver(people[item.actor], emotion, random, share)
        delivery = replace(delivery, lead_ms=random.uniform(*SILENCE_MS), trail_ms=random.uniform(*SILENCE_MS))
        samples = synthesise(segments_of(phones_of(SENTENCES[item.sentence])), delivery, random)
        write_bytes(root / f"Actor_{item.actor}" / f"{item.name}.wav", wav_bytes(at_rate(samples, RATE_HZ), RATE_HZ))
    write_text(root / "README.md", README)
