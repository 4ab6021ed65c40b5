"""MSP-IMPROV's label file: a block for each turn, its consensus, and what each rater said.

A block is a line of name, consensus and mean attributes, then one line for each rater; an empty line ends it. All
fields are separated by `;`. Some lines of raters stand twice in the release.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from speechbrain_ext.corpora.label_files import END_OF_LINE, Attributes, Damage, none_if_empty
from speechbrain_ext.corpora.manifest import Fault, Vote

EMOTION_OF_CODE = {
    "A": "anger",
    "H": "happiness",
    "S": "sadness",
    "N": "neutral",
    "O": "other",
    "X": None,  # the raters do not agree
}
EMOTION_OF_WORD = {"angry": "anger", "happy": "happiness", "sad": "sadness", "neutral": "neutral", "other": "other"}
EMOTION_OF_SECONDARY = EMOTION_OF_WORD | {
    "frustrated": "frustration",
    "disgusted": "disgust",
    "excited": "excited",
    "fear": "fear",
    "surprised": "surprise",
    "contempt": "contempt",
    "bored": "boredom",
}
INTENDED = {code: EMOTION_OF_CODE[code] for code in "AHSN"}
SENTENCES = tuple(f"S{number:02d}" for number in range(1, 21))
SPEAKERS = tuple(f"{gender}{number:02d}" for gender in "FM" for number in range(1, 7))
SCENARIO_OF_PART = {"P": "natural", "R": "read", "S": "improvised", "T": "target improvised"}
DIMENSIONS = ("V", "A", "D")
MEDIA = (".avi", ".wav")
RATER_MARK = "R-"
TURN = re.compile(r"[A-Z]{2}[0-9]+")
RATER = re.compile(r"[A-Za-z0-9_-]+")
ATTRIBUTE = re.compile(r"(?P<name>[AVDN])\s*:\s*(?P<value>[0-9]+(?:\.[0-9]*)?|nan)", re.IGNORECASE)


@dataclass(frozen=True)
class Name:
    """The fields of a turn's name, `MSP-IMPROV-S01A-F01-S-FM01`."""

    sentence: str
    intended: str
    speaker: str
    part: str
    turn: str

    @property
    def id(self) -> str:
        """The name as its wav file has it."""
        return f"MSP-IMPROV-{self.sentence}{self.intended}-{self.speaker}-{self.part}-{self.turn}"

    @property
    def session(self) -> str:
        """The speaker's number: the woman and the man of one number share a session."""
        return str(int(self.speaker[1:]))

    @property
    def folder(self) -> str:
        """Where the wav file lies, below the sessions' folder."""
        return f"session{self.session}/{self.sentence}{self.intended}/{self.part}"


@dataclass
class Turn:
    """One block of the label file; `line` is where it starts."""

    line: int
    name: Name = Name("", "", "", "", "")
    code: str = "X"
    values: dict[str, float | None] = field(default_factory=dict)
    votes: dict[str, Vote] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    outside: bool = False
    broken: bool = True  # until its first line is understood

    @property
    def id(self) -> str:
        """The name as its wav file has it."""
        return self.name.id

    @property
    def vad(self) -> Attributes | None:
        """Mean valence, activation, dominance."""
        return _vad(self.values)

    def facts(self) -> tuple[object, ...]:
        """Everything but the place, to compare two blocks of one name."""
        return self.name, self.code, self.values, self.votes


def parse_name(stem: str) -> Name:
    """Read the fields of a turn's name.

    Arguments
    ---------
    stem : str
        Without suffix. The label file says `UTD-IMPROV` where the wav files say `MSP-IMPROV`: both are read.

    Returns
    -------
    Name

    Raises
    ------
    Damage
        A field is not one of the corpus's.

    Example
    -------
    >>> parse_name("UTD-IMPROV-S01A-F03-S-FM01").folder
    'session3/S01A/S'
    """
    parts = stem.split("-")
    if len(parts) != 6 or parts[0] not in ("UTD", "MSP") or parts[1] != "IMPROV":
        raise Damage(f"the name {stem[:60]!r}", "one like MSP-IMPROV-S01A-F01-S-FM01")
    text, speaker, part, turn = parts[2:]
    sentence, intended = text[:-1], text[-1:]
    for what, found, known in (
        ("sentence", sentence, SENTENCES),
        ("intended emotion", intended, INTENDED),
        ("speaker", speaker, SPEAKERS),
        ("part", part, SCENARIO_OF_PART),
    ):
        if found not in known:
            raise Damage(f"the {what} {found[:60]!r} in {stem[:60]!r}", "one of " + " ".join(known))
    if not TURN.fullmatch(turn):
        raise Damage(f"the turn {turn[:60]!r} in {stem[:60]!r}", "two letters and a number, such as FM01")
    return Name(sentence, intended, speaker, part, turn)


def parse_labels(text: str, file: str) -> tuple[list[Turn], list[Fault]]:
    """Read the blocks of the label file.

    Arguments
    ---------
    text : str
        The file's text, whatever its line ends.
    file : str
        How to name the file in a fault.

    Returns
    -------
    turns : list of Turn
        The undamaged ones, in the order of the file.
    faults : list of Fault
        Each names the file and the line.

    Example
    -------
    >>> head = "UTD-IMPROV-S01A-F01-S-FM01.avi; N; A:3.0; V:3.5; D:NaN ; N:3.0;"
    >>> turns, faults = parse_labels(head + "\\nR-ab_1; Sad; Bored,Sad; A:2; V:3; D:4; N:5;", "Evalution.txt")
    >>> turns[0].vad, turns[0].votes["ab_1"]
    ([3.5, 3.0, None], Vote(rater='ab_1', labels=['sadness'], secondary=['boredom', 'sadness'], vad=[3.0, 2.0, 4.0]))
    """
    turns: list[Turn] = []
    faults: list[Fault] = []
    turn = None
    for number, line in enumerate(END_OF_LINE.split(text), start=1):
        cells = [cell.strip() for cell in line.split(";")]
        if not line.strip():
            turn = None
            continue
        if not cells[-1]:
            cells.pop()  # a line ends with the sign that separates
        try:
            if _is_head(cells[0]):
                turn = Turn(number)
                turns.append(turn)
                _read_head(cells, turn)
            elif turn is None:
                raise Damage(f"the line {line.strip()[:60]!r} outside any turn's block", "a turn's line before it")
            else:
                _read_vote(cells, turn)
        except Damage as damage:
            faults.append(Fault(f"{file} line {number}", *damage.args))
            if turn is not None:
                turn.broken = True
    return [turn for turn in turns if not turn.broken], faults


def _is_head(cell: str) -> bool:
    return cell.lower().endswith(MEDIA) or cell.upper().startswith(("UTD-IMPROV", "MSP-IMPROV"))


def _read_head(cells: list[str], turn: Turn) -> None:
    if len(cells) != 6:
        raise Damage(f"{len(cells)} fields", "6: name.avi; emotion; A:; V:; D:; N:;")
    file, code = cells[:2]
    if not file.lower().endswith(MEDIA):
        raise Damage(f"the name {file[:60]!r}", "one like UTD-IMPROV-S01A-F01-S-FM01.avi")
    turn.name = parse_name(file[: -len(MEDIA[0])])
    if code not in EMOTION_OF_CODE:
        raise Damage(f"the emotion {code[:60]!r}", "one of " + " ".join(EMOTION_OF_CODE))
    turn.code = code
    turn.values = _read_attributes(cells[2:], turn)
    turn.broken = False


def _read_vote(cells: list[str], turn: Turn) -> None:
    # a free word of the rater may hold the sign that separates
    rater, said, attributes = cells[0], cells[1:-4], cells[-4:]
    if len(said) < 2 or any(ATTRIBUTE.fullmatch(cell) for cell in said):
        raise Damage(f"{len(cells)} fields", "7: rater; emotion; secondary emotions; A:; V:; D:; N:;")
    rater = rater.removeprefix(RATER_MARK)
    if not RATER.fullmatch(rater):
        raise Damage(f"the rater {cells[0][:60]!r}", "letters, digits, - and _")
    if said[0].lower() not in EMOTION_OF_WORD:
        raise Damage(f"the emotion {said[0][:60]!r}", "one of " + " ".join(EMOTION_OF_WORD).title())
    words = [word.strip().lower() for cell in said[1:] for word in cell.split(",")]
    secondary = list(dict.fromkeys(EMOTION_OF_SECONDARY.get(word, "other") for word in words if word))
    vad = _vad(_read_attributes(attributes, turn))
    vote = Vote(rater, [EMOTION_OF_WORD[said[0].lower()]], secondary, vad)
    first = turn.votes.setdefault(rater, vote)
    if first is not vote:
        (turn.repeated if first == vote else turn.differing).append(rater)


def _read_attributes(cells: list[str], turn: Turn) -> dict[str, float | None]:
    """Read `A:3.0`, `V:`, `D:` and `N:`, whatever their order."""
    values: dict[str, float | None] = {}
    for cell in cells:
        match = ATTRIBUTE.fullmatch(cell)
        value = math.inf if match is None else float(match["value"])
        if match is None or math.isinf(value):
            raise Damage(f"the attribute {cell[:60]!r}", "A, V, D or N, a colon, and a number of 1 to 5 or NaN")
        values[match["name"].upper()] = None if math.isnan(value) else value
        turn.outside |= not (math.isnan(value) or 1 <= value <= 5)
    if len(values) != 4:
        raise Damage(f"the attributes {' '.join(sorted(values))}", "A, V, D and N, each once")
    return values


def _vad(values: dict[str, float | None]) -> Attributes | None:
    return none_if_empty([values[name] for name in DIMENSIONS])
