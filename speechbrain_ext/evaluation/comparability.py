"""What keeps two results, or a result and a paper's number, from being compared."""

from __future__ import annotations

import json
from typing import Any

from speechbrain_ext.evaluation import deviations
from speechbrain_ext.evaluation.cards import is_partial, selection_name
from speechbrain_ext.evaluation.results import targets_of
from speechbrain_ext.preparation.edition import AS_PUBLISHED, is_published

# How the score beside a paper's is taken over folds, where a result does not say otherwise.
AVERAGING = "mean over folds"


def why_not_comparable(results: dict[str, Any]) -> list[str]:
    """Say why the paper's number may not stand beside this result; empty where it may.

    Arguments
    ---------
    results : dict
        The content of results.json.

    Returns
    -------
    reasons : list of str
        One phrase each.

    Example
    -------
    >>> why_not_comparable({"paper": None})
    ['the paper gives no number for this row']
    """
    paper, settings = results["paper"], deviations.phrases(results)
    reasons = [f"settings differ from the paper's: {'; '.join(settings)}"] if settings else []
    if not paper:
        return reasons or ["the paper gives no number for this row"]
    if results["source"] != "real":
        reasons.append("the mini corpus is synthetic")
    elif not is_published(results["edition"]):
        reasons.append("this copy is not the corpus as published")
    if paper.get("protocol", results["protocol"]) != results["protocol"]:
        reasons.append(f"the paper's protocol is {paper['protocol']}")
    if is_partial(results):
        reasons.append("only some folds were run")
    return reasons


def paper_mark(results: dict[str, Any]) -> str:
    """Say what keeps the paper's number from standing beside this result as its equal; "" where nothing does.

    Example
    -------
    >>> run = {"source": "real", "edition": "2 s copy", "protocol": "speaker", "folds": [{}, {}]}
    >>> paper_mark({**run, "paper": {"protocol": "speaker"}}), paper_mark({**run, "paper": {"protocol": "random5"}})
    ('paper, other edition', 'paper, other edition, other protocol')
    """
    marks = []
    if results["source"] != "real":
        marks.append("other corpus")
    elif not is_published(results["edition"]):
        marks.append("other edition")
    if results["paper"] and results["paper"].get("protocol", results["protocol"]) != results["protocol"]:
        marks.append("other protocol")
    if results.get(deviations.KEY, {}).keys() - {"protocol"}:
        marks.append("other settings")
    if is_partial(results):
        marks.append("all folds")
    return ", ".join(["paper", *marks]) if marks else ""


def comparison_card(results: dict[str, Any], with_hash: bool = True) -> dict[str, str | None]:
    """Lay out what must agree before two results may be set beside each other.

    Arguments
    ---------
    results : dict
        The content of results.json. "merge" and "averaging" are facts that it may lack.
    with_hash : bool
        Whether folds are named with the hash of who is trained and tested on; a paper's have none.

    Returns
    -------
    card : dict
        Name and value; None agrees with everything.
    """
    folds = results["protocol"] + (f" ({results['folds_sha256'][:12]})" if with_hash else "")
    if is_partial(results):
        folds += f", only {', '.join(fold['name'] for fold in results['folds'])}"
    merge = results.get("merge")
    return {
        "target": results.get("target", "classes"),
        "classes": ", ".join(targets_of(results)),
        "merge": None if merge is None else json.dumps(merge, sort_keys=True, ensure_ascii=False).strip('"'),
        "folds": folds,
        "selection": selection_name(results),
        "averaging": results.get("averaging", AVERAGING),
        "source": results["source"],
        "edition": AS_PUBLISHED if is_published(results["edition"]) else results["edition"],
    }


def paper_card(protocol: str) -> dict[str, str | None]:
    """Lay out what is known of a paper's number, which is of classes: its protocol, on the corpus as published.

    Example
    -------
    >>> paper_card("random5")["folds"], paper_card("random5")["edition"]
    ('random5', 'as published')
    """
    card = {"target": "classes", "classes": None, "merge": None, "folds": protocol, "selection": None}
    return {**card, "averaging": AVERAGING, "source": "real", "edition": AS_PUBLISHED}


def differences(card_a: dict[str, str | None], card_b: dict[str, str | None]) -> list[str]:
    """List what keeps two results from being set beside each other; empty where they are comparable.

    Arguments
    ---------
    card_a, card_b : dict
        As `comparison_card` gives them.

    Returns
    -------
    differences : list of str
        One phrase each, with both cards' values.

    Example
    -------
    >>> differences({"selection": "last", "merge": None}, {"selection": "dev", "merge": "excited"})
    ['selection: last against dev']
    """
    return [
        f"{name}: {value} against {card_b[name]}"
        for name, value in card_a.items()
        if None not in (value, card_b[name]) and value != card_b[name]
    ]


def paper_name(paper: dict[str, Any]) -> str:
    """Name the paper's row.

    Example
    -------
    >>> paper_name({"table": "2", "row": "AMSNet"}), paper_name({"table": "Figure 6", "row": "Adam 64"})
    ('Table 2, AMSNet', 'Figure 6, Adam 64')
    """
    table = str(paper["table"])
    return f"Table {table}, {paper['row']}" if table.isdigit() else f"{table}, {paper['row']}"
