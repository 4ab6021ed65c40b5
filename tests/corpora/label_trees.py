"""A tree of IEMOCAP's label files with exactly the published counts, and no audio.

Only counts are true: names, labels, speakers, scenarios; times, votes and attributes are made up.
"""

from __future__ import annotations

from pathlib import Path

FIVE = ("neu", "ang", "sad", "hap", "exc")
SESSION_LABELS = {
    1: (384, 229, 194, 135, 143),
    2: (362, 137, 197, 117, 210),
    3: (320, 240, 305, 135, 151),
    4: (258, 327, 143, 65, 238),
    5: (384, 170, 245, 143, 299),
}
WOMEN = {1: 528, 2: 481, 3: 522, 4: 528, 5: 590}
MEN = {1: 557, 2: 542, 3: 629, 4: 503, 5: 651}
IMPROVISED = dict(neu=1099, sad=608, hap=284, exc=663, ang=289)
OTHERS = dict(dis=2, fea=40, fru=1849, oth=3, sur=107, xxx=2507)
OTHERS_OF_SESSION = {1: 734, 2: 788, 3: 985, 4: 1072, 5: 929}
# women of the five labels in dialogs with a letter behind the number
SUFFIXED_WOMEN = {
    "Ses03M_impro05a": 17,
    "Ses03M_impro05b": 27,
    "Ses03M_impro08a": 7,
    "Ses03M_impro08b": 5,
    "Ses05M_script01_1b": 9,
}
WORDS = {
    "neu": ("Neutral", 3.0, 2.5, 2.5),
    "ang": ("Anger", 1.5, 4.0, 4.0),
    "sad": ("Sadness", 2.0, 2.0, 2.0),
    "hap": ("Happiness", 4.0, 3.0, 3.0),
    "exc": ("Excited", 4.5, 4.0, 3.5),
    "fru": ("Frustration", 2.0, 3.5, 3.0),
    "sur": ("Surprise", 3.0, 3.5, 2.5),
    "fea": ("Fear", 2.0, 3.5, 1.5),
    "dis": ("Disgust", 1.5, 3.0, 3.5),
    "oth": ("Other", 2.5, 3.0, 3.0),
}


def write_iemocap_labels(root: str | Path) -> Path:
    """Write 10039 utterances below a folder, always the same ones; give the folder."""
    root = Path(root)
    lines: dict[str, list[str]] = {}
    for number, (_, woman, label, dialog) in enumerate(plan()):
        lines.setdefault(dialog, ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""])
        turns = sum(line.startswith("[") for line in lines[dialog])
        name = f"{dialog}_{'F' if woman else 'M'}{turns:03d}"
        lines[dialog] += block(name, label, number, start_s=5 + 4.25 * turns) + [""]
    for dialog, written in lines.items():
        folder = root / f"Session{dialog[4]}" / "dialog" / "EmoEvaluation"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{dialog}.txt").write_text("\n".join(written) + "\n", encoding="utf-8")
    return root


def plan() -> list[tuple[int, bool, str, str]]:
    """Session, whether a woman speaks, label and dialog of every utterance."""
    planned = []
    turns_of_women = {session: spread(WOMEN[session], WOMEN[session] + MEN[session]) for session in WOMEN}
    improvised = {
        label: spread(IMPROVISED[label], sum(n[i] for n in SESSION_LABELS.values())) for i, label in enumerate(FIVE)
    }
    suffixed = dict(SUFFIXED_WOMEN)
    for session, counts in SESSION_LABELS.items():
        for label in mixed(dict(zip(FIVE, counts, strict=True))):
            woman, scenic = next(turns_of_women[session]), next(improvised[label])
            names = [name for name in dialogs(session) if ("impro" in name) == scenic]
            if woman:
                names = [name for name in names if suffixed.get(name, 1) > 0]
                names = [name for name in names if name in suffixed] or names
            dialog = names[len(planned) % len(names)]
            if woman and dialog in suffixed:
                suffixed[dialog] -= 1
            planned.append((session, woman, label, dialog))
    rest = iter(mixed(OTHERS))
    for session, count in OTHERS_OF_SESSION.items():
        for number in range(count):
            names = dialogs(session)
            planned.append((session, number % 2 == 0, next(rest), names[(number // 2) % len(names)]))
    return planned


def dialogs(session: int) -> list[str]:
    """The dialogs of a session, as the release has them."""
    texts = [f"impro{number:02d}" for number in range(1, 8 if session == 1 else 9)]
    texts += [f"script{script}" for script in ("01_1", "01_2", "01_3", "02_1", "02_2", "03_1", "03_2")]
    names = [f"Ses0{session}{side}_{text}" for side in "FM" for text in texts]
    if session == 3:
        whole = ("Ses03M_impro05", "Ses03M_impro08")
        names = [name for name in names if name not in whole] + [name + letter for name in whole for letter in "ab"]
    return names + ["Ses05M_script01_1b"] * (session == 5)


def spread(chosen: int, among: int):
    """Say True `chosen` times among so many, evenly."""
    for number in range(among):
        yield (number + 1) * chosen // among > number * chosen // among


def mixed(counts: dict[str, int]) -> list[str]:
    """Each label so many times, evenly."""
    places = [((number + 0.5) / count, label) for label, count in counts.items() for number in range(count)]
    return [label for _, label in sorted(places)]


def block(name: str, label: str, number: int, start_s: float) -> list[str]:
    """The lines of an utterance: three evaluators' words, two evaluators' attributes, the actor's own."""
    names = list(WORDS)
    other = WORDS[names[number % len(names)]][0]
    if label == "xxx":
        said = [WORDS[names[(number + step) % len(names)]][0] for step in (0, 1, 3)]
        values = (2.5, 3.0, 2.5)
    else:
        said, values = [WORDS[label][0]] * 3, WORDS[label][1:]
        if number % 3 == 1:
            said[number % 2] = other
        if number % 7 == 2 and said[2] != other:
            said[2] += f"; {other}"
    val, act, dom = values
    raters = ("E1", "E2", "E4") if number % 5 else ("E2", "E3", "E5")
    lines = [f"[{start_s:.4f} - {start_s + 3.5:.4f}]\t{name}\t{label}\t[{val:.4f}, {act:.4f}, {dom:.4f}]"]
    lines += [f"C-{rater}:\t{words};\t()" for rater, words in zip(raters, said, strict=True)]
    own = f"{name.split('_')[-1][0]}1"
    lines.append(f"C-{own}:\t{other};\t(made up)")
    for rater, shift in zip(raters, (-0.5, 0.5), strict=False):
        lines.append(f"A-{rater}:\tval {val + shift:.0f}; act {act:.0f}; dom  {dom:.0f};\t()")
    return [*lines, f"A-{own}:\tval 3; act 2; dom  1;\t()"]
