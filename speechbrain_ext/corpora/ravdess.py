"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song: its 1440 utterances of speech.

24 actors say two sentences in 8 emotions, twice each and, but for neutral, in two intensities. The corpus has no
sessions and no official split; the label is the emotion asked for. Each file's name says all:
`MM-CC-EE-II-SS-RR-AA`, modality, channel, emotion, intensity, sentence, repetition, actor.

S. R. Livingstone and F. A. Russo, PLoS ONE 13(5), 2018, doi:10.1371/journal.pone.0196391.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from speechbrain_ext.corpora.corpus import Corpus, Expected, Spoken
from speechbrain_ext.corpora.corpus_folder import list_folder, wrong_root
from speechbrain_ext.corpora.download import fetch_zip
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.corpora.task import Task

FIELDS = ("modality", "channel", "emotion", "intensity", "sentence", "repetition", "actor")
NAME = re.compile("-".join(f"(?P<{field}>[0-9]{{2}})" for field in FIELDS))
EMOTION_OF = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
SPEECH, SONG = "01", "02"
INTENSITY_OF = {"01": "normal", "02": "strong"}
ACTORS = tuple(f"{number:02d}" for number in range(1, 25))
ALLOWED = {
    "modality": ("03",),
    "channel": (SPEECH, SONG),
    "emotion": tuple(EMOTION_OF),
    "intensity": tuple(INTENSITY_OF),
    "sentence": ("01", "02"),
    "repetition": ("01", "02"),
    "actor": ACTORS,
}
AUDIO = (".wav", ".flac")
LAYOUT = "Actor_AA/MM-CC-EE-II-SS-RR-AA.wav, such as Actor_01/03-01-01-01-01-01-01.wav (or .flac)"
URL = "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip"  # about 210 MB


def fetch(data: Path) -> Path:
    """Download the speech of RAVDESS as its owners publish it to `<data>/RAVDESS-download`, unless it is there."""
    return fetch_zip("RAVDESS", URL, data / "RAVDESS-download")


def scan(root: str | Path, notes: list[str] | None = None) -> list[Utterance]:
    """Read the corpus from its files' names.

    Arguments
    ---------
    root : str or Path
        The folder that holds `Actor_01` to `Actor_24`.
    notes : list of str or None
        Filled with what is odd and no fault: songs, which are left out.

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
    utterances: dict[str, Utterance] = {}
    faults: list[Fault] = []
    misnamed: list[str] = []
    songs = 0
    for path in _audio_files(root):
        wav = path.relative_to(root).as_posix()
        wrong = _faults_of(path, wav)
        code = NAME.fullmatch(path.stem)
        if wrong or code is None:
            faults += wrong
            misnamed.append(wav)
        elif code["channel"] == SONG:
            songs += 1
        elif path.stem in utterances:
            faults.append(Fault(wav, f"a second file {path.stem}", "one file for each utterance"))
        else:
            utterances[path.stem] = _utterance(path.stem, wav, code)
    good = sorted(utterances.values(), key=lambda utterance: utterance.id)
    if songs and notes is not None:
        notes.append(f"{songs} songs (channel {SONG}) are left out: this is the speech of the corpus")
    if faults:
        raise CorpusFaults(faults, good, tuple(misnamed))
    if not good:
        cure = "name the folder of its speech, or --corpus-root download"
        raise wrong_root(root, "RAVDESS", LAYOUT, cure, f"{songs} songs and no speech")
    return good


def _audio_files(root: Path) -> list[Path]:
    """List the audio files of the actors' folders, sorted; hidden files are passed by."""
    folders = [path for path in list_folder(root) if path.name.startswith("Actor_")]
    files = [path for folder in folders for path in list_folder(folder) if path.suffix.lower() in AUDIO]
    if not files:
        cure = "name the folder that holds Actor_01, or --corpus-root download"
        raise wrong_root(root, "RAVDESS", LAYOUT, cure, "no audio in a folder Actor_AA")
    return files


def _faults_of(path: Path, wav: str) -> list[Fault]:
    code = NAME.fullmatch(path.stem)
    if code is None:
        return [Fault(wav, f"the name {path.stem}", "MM-CC-EE-II-SS-RR-AA: seven numbers of two digits")]
    wrong = [
        Fault(wav, f"{field} {code[field]}", "one of " + " ".join(allowed))
        for field, allowed in ALLOWED.items()
        if code[field] not in allowed
    ]
    if EMOTION_OF.get(code["emotion"]) == "neutral" and INTENSITY_OF.get(code["intensity"]) == "strong":
        wrong.append(Fault(wav, "intensity 02 of emotion 01", "01, as neutral is never strong"))
    if path.parent.name != f"Actor_{code['actor']}":
        wrong.append(Fault(wav, f"actor {code['actor']}", f"the actor of its folder {path.parent.name}"))
    return wrong


def spoken_of(name: str) -> Spoken | None:
    """Read who speaks and what from an utterance's name; None where it is not the corpus's.

    Example
    -------
    >>> spoken_of("03-01-06-01-02-01-12")
    Spoken(speaker='12', gender='F', session=None, text_id='02')
    """
    code = NAME.fullmatch(name)
    if code is None or any(code[field] not in ALLOWED[field] for field in ("sentence", "actor")):
        return None
    return _spoken(code)


def _spoken(code: re.Match[str]) -> Spoken:
    gender = "M" if int(code["actor"]) % 2 else "F"
    return Spoken(code["actor"], gender, session=None, text_id=code["sentence"])


def _utterance(name: str, wav: str, code: re.Match[str]) -> Utterance:
    emotion = EMOTION_OF[code["emotion"]]
    return Utterance(
        id=name,
        corpus="RAVDESS",
        wav=wav,
        **asdict(_spoken(code)),
        label=emotion,
        intended=emotion,
        extra={
            "emotion_code": code["emotion"],
            "intensity": INTENSITY_OF[code["intensity"]],
            "repetition": code["repetition"],
        },
    )


CORPUS = Corpus(
    name="RAVDESS",
    key="ravdess",
    scan=scan,
    task=Task(("anger", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")),
    protocols=("speaker", "speaker5", "random5", "speaker-text"),
    expected=Expected(
        utterances=1440,
        hours=1.48,
        labels={emotion: 96 if emotion == "neutral" else 192 for emotion in EMOTION_OF.values()},
        speakers=dict.fromkeys(ACTORS, 60),
        known_copies={"16 kHz FLAC copy": "ba2472f283bb3e4bb8368cdd62619718abbc14a82a9c6f73ab3845ff6a9de4ef"},
    ),
    root_variable="RAVDESS_ROOT",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song",
    language="English (North American)",
    speaking="scripted",
    emotions="acted",
    licence="CC BY-NC-SA 4.0: free for non-commercial use, https://zenodo.org/records/1188976",
    citation="""@article{livingstone2018ryerson,
  author = {Livingstone, Steven R. and Russo, Frank A.},
  title = {The {Ryerson} Audio-Visual Database of Emotional Speech and Song ({RAVDESS}): A dynamic, multimodal set of
           facial and vocal expressions in {North American English}},
  journal = {PLoS ONE},
  volume = {13},
  number = {5},
  pages = {e0196391},
  year = {2018},
  doi = {10.1371/journal.pone.0196391}
}""",
    layout=LAYOUT,
    download=fetch,
    spoken_of=spoken_of,
)
