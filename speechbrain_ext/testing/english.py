"""What is said in the mini corpora with English texts: plain sentences from a small lexicon of phones."""

from __future__ import annotations

from speechbrain_ext.testing.speech import Random

LEXICON: dict[str, str] = {
    "a": "@", "again": "@ g E n", "all": "O l", "and": "E n d", "ask": "E s k", "at": "E t", "back": "b E k",
    "bag": "b E g", "be": "b i", "bed": "b E d", "before": "b I f O r", "ben": "b E n", "bill": "b I l",
    "book": "b u k", "bus": "b a s", "but": "b a t", "call": "k O l", "came": "k e m", "can": "k E n", "car": "k a r",
    "cat": "k E t", "come": "k a m", "dad": "d E d", "do": "d u", "dog": "d O g", "door": "d O r", "far": "f a r",
    "find": "f a I n d", "for": "f @ r", "four": "f O r", "from": "f r @ m", "games": "g e m z", "get": "g E t",
    "give": "g I v", "go": "g o", "good": "g u d", "had": "h E d", "have": "h E v", "he": "h i", "help": "h E l p",
    "her": "h @ r", "here": "h i r", "him": "h I m", "home": "h o m", "hope": "h o p", "house": "h a u s", "i": "a I",
    "if": "I f", "in": "I n", "is": "I z", "it": "I t", "keep": "k i p", "key": "k i", "late": "l e t",
    "leave": "l i v", "left": "l E f t", "let": "l E t", "letter": "l E t @ r", "look": "l u k", "lost": "l O s t",
    "made": "m e d", "me": "m i", "mom": "m O m", "money": "m a n i", "more": "m O r", "moved": "m u v d",
    "my": "m a I", "name": "n e m", "need": "n i d", "never": "n E v @ r", "no": "n o", "not": "n O t", "of": "@ v",
    "on": "O n", "open": "o p @ n", "pack": "p E k", "paper": "p e p @ r", "please": "p l i z", "put": "p u t",
    "read": "r i d", "said": "s E d", "see": "s i", "sell": "s E l", "she": "S i", "ship": "S I p", "shop": "S O p",
    "sister": "s I s t @ r", "sit": "s I t", "so": "s o", "sold": "s o l d", "soon": "s u n", "stop": "s t O p",
    "table": "t e b @ l", "take": "t e k", "tell": "t E l", "ten": "t E n", "tickets": "t I k I ts", "to": "t @",
    "today": "t @ d e", "tom": "t O m", "took": "t u k", "train": "t r e n", "us": "a s", "visa": "v i z @",
}  # fmt: skip
OPENINGS = (
    "Tell me again", "He came late", "So it is lost", "Let me see", "She took it", "No, not today",
    "I hope so", "Look at him", "It is all here", "Get in here", "Call her back", "So he said",
)  # fmt: skip
CLOSINGS = (
    "can it be", "if I can", "it is far", "but not me", "and leave it", "stop it please", "take it",
    "I had no key", "so come on", "never again", "ask Ben", "it is late",
)  # fmt: skip


def phones_of(text: str) -> str:
    """Look up the phones of a sentence.

    Arguments
    ---------
    text : str
        Words of the lexicon; a comma is a pause.

    Returns
    -------
    str
        Phones with spaces between them.

    Example
    -------
    >>> phones_of("No, not me")
    'n o _ n O t m i'
    """
    spoken = text.replace(",", " , ").split()
    return " ".join("_" if word == "," else LEXICON[word.lower()] for word in spoken)


def free_talk(random: Random) -> str:
    """Say something that stands in no script.

    Arguments
    ---------
    random : numpy.random.RandomState
        The stream that chooses.

    Example
    -------
    >>> from speechbrain_ext.testing.speech import stream
    >>> free_talk(stream(0)).count(",") >= 1
    True
    """
    return f"{OPENINGS[random.randint(len(OPENINGS))]}, {CLOSINGS[random.randint(len(CLOSINGS))]}"
