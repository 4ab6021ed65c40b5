"""A label file of MSP-IMPROV with exactly the published counts, and no audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Turns of each consensus letter, in the improvisations around the target sentence (S) and in the rest.
IN_S = {"A": 450, "H": 1300, "N": 2000, "S": 629, "O": 1, "X": 1}
ELSEWHERE = {"A": 342, "H": 1344, "N": 1477, "S": 256, "O": 100, "X": 538}
PARTS = {"P": 2785, "R": 620, "T": 652}
WORDS = {"A": "Angry", "H": "Happy", "N": "Neutral", "S": "Sad", "O": "Other"}
# What five raters say; two against two, and one alone, do not agree.
OPINIONS = {**{letter: letter * 3 + "NO" for letter in "AHS"}, "N": "NNNHS", "O": "OOOAH", "X": "AANNH"}
SECONDARY = ("Neutral", "Concerned,Neutral", "Frustrated,Annoyed", "Depressed", "Excited,Happy")


def write_msp_labels(root: str | Path, name: str = "Evalution.txt", end: str = "\n") -> list[dict[str, Any]]:
    """Write the label file: 8438 turns of 12 speakers, 6 sessions, 20 sentences, with five raters each.

    Arguments
    ---------
    root : str or Path
        Where to write.
    name : str
        The file's name.
    end : str
        What ends a line.

    Returns
    -------
    list of dict
        What was written of each turn: "id", "code", "part", "speaker", "sentence", "intended", "votes", "vad".
    """
    turns = [*_turns("S", _letters(IN_S))]
    rest = _letters(ELSEWHERE)
    for part, number in PARTS.items():
        turns += _turns(part, [next(rest) for _ in range(number)])
    lines = []
    for number, turn in enumerate(turns):
        lines += [*_block(turn, number), ""]
    Path(root).mkdir(parents=True, exist_ok=True)
    (Path(root) / name).write_bytes("".join(line + end for line in lines).encode("ascii"))
    return turns


def _letters(counts: dict[str, int]) -> Iterator[str]:
    """Give each letter as often as counted, well mixed: a step prime to the total visits every place once."""
    row = [letter for letter, number in counts.items() for _ in range(number)]
    return (row[place * 1013 % len(row)] for place in range(len(row)))


def _turns(part: str, letters: Any) -> Iterator[dict[str, Any]]:
    for number, code in enumerate(letters):
        place, speaker = divmod(number * 7 % 960, 12)  # 12 speakers, 20 sentences, 4 emotions
        gender, session = "FM"[speaker // 6], speaker % 6 + 1
        sentence, intended = f"S{place % 20 + 1:02d}", "AHSN"[place // 20]
        turn = f"{gender}{'MF'[speaker // 6]}{number // 960 + 1:02d}"
        fields = (sentence + intended, f"{gender}{session:02d}", part, turn)
        yield {
            "id": "MSP-IMPROV-" + "-".join(fields),
            "code": code,
            "part": part,
            "speaker": fields[1],
            "sentence": sentence,
            "intended": intended,
        }


def _block(turn: dict[str, Any], number: int) -> list[str]:
    """Give the lines of a turn, and note in it the raters' letters and the means that were written."""
    scores = [[1 + (number + 2 * rater + 3 * scale) % 5 for scale in range(4)] for rater in range(5)]
    silent = number % 50 == 0  # the first rater now and then gives no score
    heard = scores[1:] if silent else scores
    means = [sum(row[scale] for row in heard) / len(heard) for scale in range(4)]
    turn["votes"] = OPINIONS[turn["code"]]
    activation, valence, dominance, _ = (float(f"{mean:.6f}") for mean in means)
    turn["vad"] = [valence, activation, dominance]
    a, v, d, n = (f"{mean:.6f}" for mean in means)
    lines = [f"UTD{turn['id'][3:]}.avi; {turn['code']}; A:{a}; V:{v}; D:{d} ; N:{n};"]
    for rater, (letter, row) in enumerate(zip(turn["votes"], scores, strict=True)):
        a, v, d, n = ["NaN"] * 4 if silent and rater == 0 else [f"{score:.6f}" for score in row]
        who = f"R-w{(number + rater) % 97:03d}_{rater}-p"
        secondary = SECONDARY[(number + rater) % len(SECONDARY)]
        lines.append(f"{who}; {WORDS[letter]}; {secondary}; A:{a}; V:{v}; D:{d}; N:{n};")
    return lines
