"""What stage 3 knows of a run beside its scores: identity, versions, device, warnings, the paper's numbers."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.repository import REPOSITORY

if TYPE_CHECKING:
    from speechbrain_ext.training.experiment import Experiment

VERSIONED = (
    "speechbrain_ext",
    "torch",
    "torchaudio",
    "speechbrain",
    "transformers",
    "numpy",
    "scikit-learn",
    "opensmile",
)


def run_facts(run: Experiment, facts: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the keys of results.json that say what a run is and what it was made with.

    Arguments
    ---------
    run : Experiment
    facts : list of dict
        What training left in writing of each fold.
    """
    from speechbrain_ext.evaluation.deviations import KEY

    spec, manifest = run.spec, run.manifest
    plain = run.hp.plain()
    differs = differs_from_paper(run)
    return {
        **{key: manifest[key] for key in ("corpus", "source", "edition")},
        "system": run.hp.system_name,
        "row": spec.row,
        "preset": spec.preset,
        "protocol": run.protocol,
        "dev": spec.dev,
        "selection": run.selection,
        "seed": spec.seed,
        "fold_seed": spec.fold_seed,
        "paper": paper_of(run, differs),
        KEY: differs,
        **{key: facts[0][key] for key in ("parameters", "parameters_total")},
        "commit": _commit(),
        "versions": _versions(),
        "device": _device_name(spec.device),
        "precision": spec.precision,
        "hparams_sha256": run.hp.sha256(),
        "manifest_sha256": run.manifest_sha256,
        "folds_sha256": run.folds_sha256,
        "folds_of_protocol": len(run.folds["folds"]),
        "variant": run.hp.tree["variant"],
        "hparams": plain,
        "task": run.task.to_dict(),
        "overrides": list(spec.overrides),
        "command": spec.command,
        "warnings": _warnings(run, facts, differs),
        **({"label_map": manifest["label_map"]} if manifest.get("label_map") else {}),
        **_feature_facts(run),
    }


def paper_of(run: Experiment, differs: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The paper's numbers for this row, of its table or its recipe; None where the settings differ from the paper's."""
    from speechbrain_ext.training.paper_tables import load_table

    spec = run.spec
    if run.task.dimensions or differs:
        return None
    if spec.table:
        table = load_table(Path(spec.recipe_yaml).parent.parent, spec.table)
        return table.paper_of(table.row(spec.table_row))
    return run.hp.corpus.get("paper")


def differs_from_paper(run: Experiment) -> dict[str, dict[str, Any]]:
    """The settings of a run that differ from the paper's preset, each with both values."""
    from speechbrain_ext.evaluation.deviations import differing, paper_preset, settings
    from speechbrain_ext.hparams import PAPER
    from speechbrain_ext.training.paper_tables import load_table

    spec = run.spec
    row = load_table(Path(spec.recipe_yaml).parent.parent, spec.table).row(spec.table_row) if spec.table else None
    paper, protocol = paper_preset(
        spec.recipe_yaml, row, [label for label in run.manifest["labels"] if label != "none"]
    )
    if row is None and not paper.corpus.get("paper"):
        # No paper prints a number of this system on this corpus, so that no protocol is a paper's.
        protocol = run.protocol
    return differing(settings(paper, protocol, PAPER), settings(run.hp, run.protocol, spec.preset))


def _feature_facts(run: Experiment) -> dict[str, float]:
    """Facts that the features of a run report of their cached utterances."""
    from speechbrain_ext.features.cache import FeatureCache

    built = run.hp.build()["features"]
    # Others are not built: a pretrained model may be out of reach by now.
    extractors = [built[name]() for name in run.hp.features() if declared(built[name])[0].reports_facts]
    keys = [run.utterances[identity].sha256 for identity in run.used]
    caches = [(extractor, FeatureCache(run.spec.cache, extractor)) for extractor in extractors]
    facts: dict[str, float] = {}
    for extractor, cache in caches:
        facts |= {} if cache.missing(keys) else extractor.cached_facts(map(cache.get, keys))
    return facts


def _warnings(run: Experiment, facts: list[dict[str, Any]], differs: dict[str, dict[str, Any]]) -> list[str]:
    from speechbrain_ext.evaluation.deviations import KEY, sentence
    from speechbrain_ext.preparation.audit import confounded, describe

    told = [f"folds: {describe(run.folds)}"]
    told += confounded(run.task.label_of, [run.utterances[identity] for identity in run.used])
    if differs:
        told.append(sentence({KEY: differs}))
    if run.selection == "test":
        told.append("optimistic: the epoch was chosen on the test part")
    if len(facts) < len(run.folds["folds"]):
        told.append(f"partial: {len(facts)} of {len(run.folds['folds'])} folds")
    if run.hp.tree["speaker_normalisation"]:
        told.append("transductive: features are normalised per speaker over all utterances, of test speakers too")
    told += dict.fromkeys(warning for fact in facts for warning in fact.get("warnings", []))
    if run.manifest["source"] == "mini":
        told.append("mini corpus: synthetic speech, no result about emotion recognition")
    return told


def _commit() -> str:
    """The repository's commit, with `+` when files differ from it; "unknown" outside a repository."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(REPOSITORY), *words], capture_output=True, text=True, check=True).stdout

    try:
        changed = git(
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            "speechbrain_ext",
            "recipes/*/hparams",
            "recipes/shared",
        )
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if changed.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _device_name(device: str) -> str:
    if device == "cpu":
        return f"cpu ({platform.machine()})"
    import torch

    return torch.cuda.get_device_name(torch.device(device))
