"""What keeps two results, or a result and a paper's number, from being compared."""

from __future__ import annotations

from collections.abc import Mapping

from speechbrain_ext.evaluation.facts import difference_phrases
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.preparation.edition import AS_PUBLISHED, is_published

Card = Mapping[str, str | None]


def why_not_comparable(results: Results) -> list[str]:
    """Say why the paper's number may not be compared with this result, one phrase each; empty where it may."""
    settings = difference_phrases(results.differs_from_paper)
    reasons = [f"settings differ from the paper's: {'; '.join(settings)}"] if settings else []
    if not results.paper:
        return reasons or ["the paper gives no number for this row"]
    return [*reasons, *_obstacles(results, results.paper.protocol or results.protocol).values()]


def paper_mark(results: Results, protocol: str) -> str:
    """Say in what this result differs from a paper's number, such as "paper, other edition"; "" where in nothing.

    Arguments
    ---------
    results : Results
    protocol : str
        The paper's.
    """
    marks = list(_obstacles(results, protocol))
    if set(results.differs_from_paper or ()) - {"protocol"}:
        marks.append("other settings")
    return ", ".join(["paper", *marks]) if marks else ""


def _obstacles(results: Results, protocol: str) -> dict[str, str]:
    """What keeps a paper's number from being compared, but for the settings: a mark and a phrase each."""
    found = {}
    if results.source != "real":
        found["other corpus"] = "the mini corpus is synthetic"
    elif not is_published(results.edition):
        found["other edition"] = "this copy is not the corpus as published"
    if protocol != results.protocol:
        found["other protocol"] = f"the paper's protocol is {protocol}"
    if results.is_partial:
        found["all folds"] = "only some folds were run"
    return found


def comparison_card(results: Results, with_hash: bool = True) -> Card:
    """Lay out what must agree before two results may be compared.

    Arguments
    ---------
    results : Results
    with_hash : bool
        Whether folds are named with the hash of who is trained and tested on; a paper's have none.

    Returns
    -------
    card : mapping
        Name and value; None agrees with everything.
    """
    folds = results.protocol + (f" ({(results.folds_sha256 or '')[:12]})" if with_hash else "")
    if results.is_partial:
        folds += f", only {', '.join(fold.name for fold in results.folds)}"
    return {
        "target": "dimensions" if results.has_dimensions else "classes",
        "classes": ", ".join(results.target.names),
        "folds": folds,
        "selection": results.selection_name,
        "source": results.source,
        "edition": AS_PUBLISHED if is_published(results.edition) else results.edition,
    }


def paper_card(protocol: str) -> Card:
    """Lay out what is known of a paper's number, which is of classes: its protocol, on the corpus as published.

    Example
    -------
    >>> paper_card("random5")["folds"], paper_card("random5")["edition"]
    ('random5', 'as published')
    """
    known = {"target": "classes", "classes": None, "folds": protocol, "selection": None}
    return {**known, "source": "real", "edition": AS_PUBLISHED}


def differences(card_a: Card, card_b: Card) -> list[str]:
    """List in what two cards differ, one phrase each with both values; empty where results are comparable.

    Example
    -------
    >>> differences({"selection": "last", "classes": None}, {"selection": "dev", "classes": "anger"})
    ['selection: last against dev']
    """
    return [
        f"{name}: {value} against {card_b[name]}"
        for name, value in card_a.items()
        if None not in (value, card_b[name]) and value != card_b[name]
    ]
