"""The protocol card: what a number was made with, and what a reader must know before it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from speechbrain_ext.evaluation import deviations
from speechbrain_ext.evaluation.results import targets_of
from speechbrain_ext.preparation.edition import is_other_edition
from speechbrain_ext.utils.text import DASH, in_range, optimism, parameters

# An interval over fewer speakers is too narrow to be relied on.
FEWEST_SPEAKERS = 6
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


def row_name(results: dict[str, Any]) -> str:
    """Name a row of RESULTS.md: its folder, and the development rule where it has a development part.

    Example
    -------
    >>> row_name({"row": "default", "dev": "speaker"}), row_name({"row": "default", "dev": "none"})
    ('default, --dev speaker', 'default')
    """
    return results["row"] + ("" if results["dev"] == "none" else f", --dev {results['dev']}")


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


def has_epochs(results: dict[str, Any]) -> bool:
    """Tell whether the run was trained in epochs; a classifier such as an SVM is fitted at once.

    Example
    -------
    >>> has_epochs({"folds": [{"optimizer_steps": 0}]}), has_epochs({"folds": [{}]})
    (False, True)
    """
    return any(fold.get("optimizer_steps", 1) for fold in results["folds"])


def epochs_name(kept: Sequence[dict[str, Any]]) -> str:
    """Write the epochs of all folds of some results as a range; a dash where a classifier has none.

    Example
    -------
    >>> epochs_name([{"folds": [{"epochs": 12}, {"epochs": 20}]}])
    '12–20'
    """
    epochs = [fold["epochs"] for results in kept if has_epochs(results) for fold in results["folds"]]
    return in_range(epochs) if epochs else DASH


def few_speakers(results: dict[str, Any]) -> str:
    """Warn where the tested speakers are too few for an interval; empty where they suffice.

    Example
    -------
    >>> few_speakers({"folds": [{"speakers_test": ["03"]}, {"speakers_test": ["08"]}]})
    'Few speakers: 2 were tested, so that the interval over speakers is not reliable (at least 6).'
    """
    count = len({speaker for fold in results["folds"] for speaker in fold["speakers_test"]})
    if count >= FEWEST_SPEAKERS:
        return ""
    if count == 1:
        return "One speaker: 1 was tested, so that there is no interval over speakers."
    return (
        f"Few speakers: {count} were tested, so that the interval over speakers is not reliable "
        f"(at least {FEWEST_SPEAKERS})."
    )


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
    if few := few_speakers(results):
        found[few.split(":")[0].lower()] = few
    if settings := deviations.sentence(results):
        found["settings"] = settings[:1].upper() + settings[1:]
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
        ("Model selection", selection_name(results) if has_epochs(results) else ""),
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
    """Count each phase's epochs and optimiser steps in the first fold; empty where the result has none."""
    phases = {name: one for name, one in results["folds"][0].get("phases", {}).items() if one["optimizer_steps"]}
    told = (f"{name} {one['epochs']} epochs, {one['optimizer_steps']} optimiser steps" for name, one in phases.items())
    return "; ".join(told)


def hyperparameters(results: dict[str, Any]) -> str:
    """Write the hyper-parameters that the result carries as text; empty where it carries none."""
    values = results.get("hparams", "")
    return values if isinstance(values, str) else json.dumps(values, indent=2, ensure_ascii=False)
