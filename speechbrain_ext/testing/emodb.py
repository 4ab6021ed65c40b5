"""Writer of the mini corpus in EmoDB's layout: synthetic speech, no recording of anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from speechbrain_ext.testing.emotions import EMOTIONS, Speaker, cast, deliver
from speechbrain_ext.testing.phones import segments_of
from speechbrain_ext.testing.speech import stream, synthesise
from speechbrain_ext.testing.wave_file import wav_bytes, write_bytes
from speechbrain_ext.utils.files import write_text

GENDERS = {
    "12": "M", "15": "M", "03": "M", "11": "M", "10": "M",
    "16": "F", "13": "F", "08": "F", "14": "F", "09": "F",
}  # fmt: skip
LETTERS = {
    "anger": "W", "boredom": "L", "disgust": "E", "fear": "A", "happiness": "F", "neutral": "N", "sadness": "T",
}  # fmt: skip
SENTENCES = {
    "a01": "d e r l a p @ n _ l i k t",
    "a02": "d a s v I l z i _ a m m I t",
    "a04": "h O I t @ _ a b @ n t s",
    "a05": "d a S v a r ts @ _ S t y k",
    "a07": "I n z i b @ n _ S t u n d @ n",
    "b01": "v a s z I n t _ d a s f y r",
    "b02": "z i h a b @ n _ e s g e r n",
    "b03": "a n v O x @ n _ E n d @ n",
    "b09": "I S v I l d a s _ n o x",
    "b10": "d i v I r t _ a m p l a ts",
}
VERSIONS = "abcdef"
README = """\
# Mini corpus in the layout of EmoDB

SYNTHETIC. Nothing here was spoken by anybody: every file was computed by `speechbrain_ext.testing`
(glottal pulses and noise through moving formants). It has the layout, the file names and the speakers'
numbers of the Berlin Database of Emotional Speech and is no part of it. Numbers measured on it say that
the code runs, and nothing about emotion in human speech.

- `wav/SSTTTEv.wav`: SS speaker, TTT text, E emotion (W anger, L boredom, E disgust, A fear, F happiness,
  T sadness, N neutral), v version. 16 kHz, 16 bit, mono.
- `erkennung.txt`: a listening test that never took place; its numbers are made up.

A folder with `mini.json` in it is generated: it is replaced as a whole when it differs from what is written now.
"""


def _plan() -> Iterator[tuple[str, Speaker, str, str]]:
    """Name, speaker, emotion and text of each utterance; two texts of each half for every speaker and emotion."""
    codes = sorted(SENTENCES)
    people = cast("EmoDB", GENDERS)
    for place, name in enumerate(sorted(people)):
        for turn, emotion in enumerate(sorted(EMOTIONS.keys() & LETTERS.keys())):
            used: dict[str, int] = {}
            for half, step in ((codes[0::2], 1), (codes[1::2], 2)):
                first = (place + step * turn) % 5
                # Now and then the same text twice, so that there is a second version.
                second = first if (place + 3 * turn) % 5 == step else (first + 2) % 5
                for text in (half[first], half[second]):
                    version = VERSIONS[(place * turn) % 3 + used.get(text, 0)]
                    used[text] = used.get(text, 0) + 1
                    yield f"{name}{text}{LETTERS[emotion]}{version}", people[name], emotion, text


def write_corpus(root: str | Path, seed: int = 0, progress: bool = False) -> None:
    """Write the mini corpus: 280 utterances of 10 speakers in 7 emotions.

    Arguments
    ---------
    root : str or Path
        Folder to write; it is made. The same seed gives the same bytes.
    seed : int
        Other seeds give other utterances of the same people and texts.
    progress : bool
        Show a bar on stderr.
    """
    from tqdm import tqdm

    root = Path(root)
    plan = sorted(_plan(), key=lambda item: item[0])
    bar = tqdm(plan, desc="mini corpus EmoDB", unit="utt", disable=not progress, delay=2)
    for name, speaker, emotion, text in bar:
        random = stream("EmoDB", seed, name)
        samples = synthesise(segments_of(SENTENCES[text]), deliver(speaker, emotion, random), random)
        write_bytes(root / "wav" / f"{name}.wav", wav_bytes(samples))
    listening_test = _listening_test([item[0] for item in plan], seed)
    write_bytes(root / "erkennung.txt", listening_test.encode("iso-8859-1"))
    write_text(root / "README.md", README)


def _listening_test(names: list[str], seed: int) -> str:
    """Text of erkennung.txt; as in the real one, it also lists recordings that were not published."""
    listed = sorted({*names, *(f"{name[:6]}f" for name in names[::7])})
    lines = ["Nr.\tSatz\terkannt\tnatuerlich"]
    for number, name in enumerate(listed, start=1):
        random = stream("erkennung", seed, name)
        published = name in names
        recognised = 5 * random.randint(16 if published else 4, 21 if published else 16)
        natural = 5 * random.randint(12 if published else 3, 21 if published else 12)
        gap = "\xa0" * 5
        lines.append(f"{number}\xa0\xa0\t{name}.wav\t{recognised},00{gap}\t{natural},00{gap}")
    return "\n".join(lines) + "\n"
