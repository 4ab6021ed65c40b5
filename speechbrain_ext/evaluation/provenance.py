"""What stage 3 knows of a run but for its scores: identity, versions, device, warnings, the paper's numbers."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import torch

from speechbrain_ext.evaluation.deviations import differing, paper_preset, settings
from speechbrain_ext.evaluation.facts import Differences, Facts, Identity, Paper, difference_sentence
from speechbrain_ext.evaluation.targets import Classes, Dimensions
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.hparams import PAPER
from speechbrain_ext.preparation.audit import confounded, describe
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import FoldFacts
from speechbrain_ext.training.paper_tables import load_table
from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.json_fields import record_of
from speechbrain_ext.utils.repository import REPOSITORY

VERSIONED = "speechbrain_ext torch torchaudio speechbrain transformers numpy scikit-learn opensmile".split()
CODE = ("speechbrain_ext", "recipes/*/hparams", "recipes/shared")


def identity_of(run: Experiment) -> Identity:
    """What a run is, whatever its seed."""
    spec, manifest, task = run.spec, run.manifest, run.task
    return Identity(
        corpus=manifest.corpus,
        source=manifest.source,
        edition=manifest.edition,
        system=run.hp.system_name,
        row=spec.row,
        preset=spec.preset,
        protocol=run.protocol,
        dev=spec.dev,
        selection=run.selection,
        fold_seed=spec.fold_seed,
        manifest_sha256=run.manifest_sha256,
        folds_sha256=run.folds_sha256,
        target=Dimensions(tuple(task.dimensions)) if task.dimensions else Classes(tuple(run.classes)),
    )


def run_facts(run: Experiment, folds: Sequence[FoldFacts]) -> Facts:
    """What a run is and was made with.

    Arguments
    ---------
    run : Experiment
    folds : sequence of FoldFacts
        How each of its folds was trained.
    """
    spec, differs = run.spec, differs_from_paper(run)
    return Facts(
        **vars(identity_of(run)),
        seed=spec.seed,
        paper=paper_of(run, differs),
        parameters=folds[0].parameters or 0,
        commit=commit(),
        versions=_versions(),
        device=_device_name(spec.device),
        precision=spec.precision,
        hparams_sha256=run.hp.sha256(),
        differs_from_paper=differs,
        parameters_total=folds[0].parameters_total,
        folds_of_protocol=len(run.folds.folds),
        variant=run.hp.tree["variant"],
        hparams=run.hp.plain(),
        task=run.task.to_dict(),
        overrides=tuple(spec.overrides),
        command=spec.command,
        warnings=tuple(_warnings(run, folds, differs)),
        label_map=run.manifest.label_map or None,
        madd_zero_share=_feature_facts(run).get("madd_zero_share"),
    )


def paper_of(run: Experiment, differs: Differences) -> Paper | None:
    """The paper's numbers for this row, of its table or its recipe; None where the settings differ from the paper's."""
    spec = run.spec
    if run.task.dimensions or differs:
        return None
    if spec.table:
        table = load_table(spec.recipe, spec.table)
        known = table.paper_of(table.row(spec.table_row))
    else:
        known = run.hp.paper
    return record_of(Paper)(known) if known else None


def differs_from_paper(run: Experiment) -> Differences:
    """The settings of a run that differ from the paper's preset."""
    spec = run.spec
    row = load_table(spec.recipe, spec.table).row(spec.table_row) if spec.table else None
    paper, protocol = paper_preset(spec.recipe, spec.system, row, run.manifest.labels)
    if row is None and not paper.paper:
        # No paper prints a number of this system on this corpus, so that no protocol is a paper's.
        protocol = run.protocol
    return differing(settings(paper, protocol, PAPER), settings(run.hp, run.protocol, spec.preset))


def _feature_facts(run: Experiment) -> dict[str, float]:
    """Facts that the features of a run report of their cached utterances."""
    built = run.hp.build()["features"]
    # Others are not built: a pretrained model may be out of reach by now.
    extractors = [built[name]() for name in run.hp.features() if declared(built[name])[0].reports_facts]
    keys = [run.utterances[identity].sha256 or "" for identity in run.used]
    caches = [(extractor, FeatureCache(run.spec.cache, extractor)) for extractor in extractors]
    facts: dict[str, float] = {}
    for extractor, cache in caches:
        facts |= {} if cache.missing(keys) else extractor.cached_facts(map(cache.get, keys))
    return facts


def _warnings(run: Experiment, folds: Sequence[FoldFacts], differs: Differences) -> list[str]:
    warnings = [f"folds: {describe(run.folds.audit)}"]
    warnings += confounded(run.task.label_of, [run.utterances[identity] for identity in run.used])
    if differs:
        warnings.append(difference_sentence(differs))
    if run.selection == "test":
        warnings.append("optimistic: the epoch was chosen on the test fold")
    if len(folds) < len(run.folds.folds):
        warnings.append(f"partial: {len(folds)} of {len(run.folds.folds)} folds")
    if run.hp.tree.get("speaker_normalisation"):
        warnings.append("transductive: features are normalised per speaker over all utterances, of test speakers too")
    if run.hp.tree["corpus_normalisation"]:
        warnings.append("transductive: features are normalised per corpus over all utterances, of test speakers too")
    if run.hp.tree["shuffle_labels"]:
        warnings.append("shuffled: trained on labels that were dealt out at random: a check, no result")
    warnings += dict.fromkeys(warning for fold in folds for warning in fold.warnings or ())
    if run.manifest.source == "mini":
        warnings.append("mini corpus: synthetic speech, no result about emotion recognition")
    return warnings


def commit() -> str:
    """The repository's commit, with `+` when files differ from it; "unknown" outside a repository."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(REPOSITORY), *words], capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", *CODE)
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if changed.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _versions() -> dict[str, str]:
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
    return torch.cuda.get_device_name(torch.device(device))
