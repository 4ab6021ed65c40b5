"""The protocol card: what a number was made with, and whether it may stand beside the paper's."""

from __future__ import annotations

import json
from typing import Any

from speechbrain_ext.edition import is_other_edition, is_published
from speechbrain_ext.report.results import targets_of
from speechbrain_ext.report.text import optimism, parameters

PUBLISHED = "as published"
# How the score beside a paper's is taken over folds, where a result does not say otherwise.
AVERAGING = "mean over folds"
# Protocols that test on speakers who were also trained on.
SPEAKER_DEPENDENT = ("random5",)


def is_speaker_dependent(results: dict[str, Any]) -> bool:
    """Tell whether test speakers were trained on.

    Arguments
    ---------
    results : dict
        The content of results.json; its key "speaker_dependent" decides where it stands.

    Example
    -------
    >>> is_speaker_dependent({"protocol": "random5"}), is_speaker_dependent({"protocol": "speaker"})
    (True, False)
    """
    return bool(results.get("speaker_dependent", results["protocol"] in SPEAKER_DEPENDENT))


def protocol_name(results: dict[str, Any]) -> str:
    """Name the protocol, and say so where it is speaker-dependent.

    Example
    -------
    >>> protocol_name({"protocol": "random5"})
    'random5 (speaker-dependent)'
    """
    return results["protocol"] + (" (speaker-dependent)" if is_speaker_dependent(results) else "")


def selection_name(results: dict[str, Any]) -> str:
    """Name the rule of model selection, and say so where it is optimistic.

    Example
    -------
    >>> selection_name({"selection": "test"})
    'test (optimistic)'
    """
    return results["selection"] + (" (optimistic)" if results["selection"] == "test" else "")


def corpus_name(results: dict[str, Any]) -> str:
    """Name the corpus with its edition.

    Example
    -------
    >>> corpus_name({"corpus": "EmoDB", "source": "real", "edition": "as published"})
    'EmoDB, as published'
    >>> corpus_name({"corpus": "EmoDB", "source": "real", "edition": "EmoDB (2 s copy)"})
    'EmoDB (2 s copy)'
    >>> corpus_name({"corpus": "EmoDB", "source": "mini", "edition": "mini corpus"})
    'EmoDB, mini corpus: synthetic'
    """
    if results["source"] == "mini":
        return f"{results['corpus']}, mini corpus: synthetic"
    if results["edition"].lower().startswith(results["corpus"].lower()):
        return results["edition"]
    return f"{results['corpus']}, {results['edition']}"


def is_partial(results: dict[str, Any]) -> bool:
    """Tell whether only some folds of the protocol were run, where "folds_of_protocol" says how many it has."""
    return len(results["folds"]) < results.get("folds_of_protocol", 0)


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
    paper = results["paper"]
    if not paper:
        return ["the paper gives no number for this row"]
    reasons = []
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
        "edition": results["edition"],
    }


def paper_card(protocol: str) -> dict[str, str | None]:
    """Lay out what is known of a paper's number, which is of classes: its protocol, on the corpus as published.

    Example
    -------
    >>> paper_card("random5")["folds"], paper_card("random5")["edition"]
    ('random5', 'as published')
    """
    card = {"target": "classes", "classes": None, "merge": None, "folds": protocol, "selection": None}
    return {**card, "averaging": AVERAGING, "source": "real", "edition": PUBLISHED}


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


def warnings_of(results: dict[str, Any]) -> list[str]:
    """List what a reader must know before the numbers, the run's own warnings last.

    Arguments
    ---------
    results : dict
        The content of results.json.

    Returns
    -------
    warnings : list of str
        One sentence each, each once.
    """
    found = {}
    if results["source"] == "mini":
        found["mini corpus"] = "Synthetic mini corpus: these numbers say that the software runs, nothing about speech."
    elif is_other_edition(results["corpus"], results["edition"]):
        found["edition"] = "This copy is not the corpus as published: no paper's number stands beside it."
    if is_speaker_dependent(results):
        found["speaker-dependent"] = "Speaker-dependent: test speakers were also trained on; new ones will do worse."
    if results["selection"] == "test":
        found["optimistic"] = optimism(results)
    if is_partial(results):
        folds = f"{len(results['folds'])} of {results['folds_of_protocol']}"
        found["partial"] = f"Partial: only {folds} folds of the protocol were run."
    if len({speaker for fold in results["folds"] for speaker in fold["speakers_test"]}) == 1:
        found["one speaker"] = "One test speaker: an interval over speakers says nothing here."
    # What a sentence above says already is not said twice.
    own = [str(warning) for warning in results.get("warnings", []) if str(warning).split(":")[0].lower() not in found]
    return list(dict.fromkeys([*found.values(), *own]))


def card(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Lay out the protocol card of a run.

    Arguments
    ---------
    results : dict
        The content of results.json.

    Returns
    -------
    lines : list of tuple of str
        Name and value, in reading order.
    """
    versions = ", ".join(f"{name} {version}" for name, version in sorted(results["versions"].items()))
    lines = [
        ("Corpus", results["corpus"]),
        ("Edition", results["edition"]),
        ("Source", "mini corpus: synthetic" if results["source"] == "mini" else results["source"]),
        ("Dimensions" if "dimensions" in results else "Classes", ", ".join(targets_of(results))),
        ("Protocol", protocol_name(results)),
        ("Folds", f"{len(results['folds'])}, split with fold seed {results['fold_seed']}"),
        ("Development part", results["dev"]),
        ("Model selection", selection_name(results)),
        ("Preset", results["preset"]),
        ("Seed", str(results["seed"])),
        ("Training", training_steps(results)),
        ("Parameters", parameters(results)),
        ("Device", f"{results['device']}, {results['precision']}"),
        ("Commit", results["commit"]),
        ("Versions", versions),
        ("Command", results.get("command", "")),
        ("Manifest", f"sha256 {results['manifest_sha256']}"),
        ("Fold file", f"sha256 {results['folds_sha256']}"),
        ("Hyper-parameters", f"sha256 {results['hparams_sha256']}"),
    ]
    return [(name, value) for name, value in lines if value]


def training_steps(results: dict[str, Any]) -> str:
    """Count each step's epochs and optimiser steps in the first fold; empty where the result does not carry them."""
    steps = results["folds"][0].get("steps", {})
    told = (f"{name} {one['epochs']} epochs, {one['optimizer_steps']} optimiser steps" for name, one in steps.items())
    return "; ".join(told)


def hyperparameters(results: dict[str, Any]) -> str:
    """Write the hyper-parameters that the result carries as text; empty where it carries none."""
    values = results.get("hparams", "")
    return values if isinstance(values, str) else json.dumps(values, indent=2, ensure_ascii=False)
