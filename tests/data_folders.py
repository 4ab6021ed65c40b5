"""A prepared corpus on disk, as stage 0 leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.corpora.data_folder import FACTS, MANIFEST, read_facts
from speechbrain_ext.corpora.facts import CorpusCounts, CorpusFacts
from speechbrain_ext.corpora.manifest import Utterance, manifest_text
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.folds import folds_path
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.files import sha256_file, write_sealed, write_text


def write_data(
    folder: Path,
    utterances: Sequence[Utterance],
    source: str = "real",
    root: str = "x",
    task: Task | None = None,
    labels: Sequence[str] = (),
) -> None:
    """Write the manifest of an EmoDB, and its facts."""
    write_text(folder / MANIFEST, manifest_text(utterances))
    facts = CorpusFacts(
        corpus="EmoDB",
        source=source,
        edition="mini" if source == "mini" else "x",
        root=root,
        root_fingerprint="",
        audio_sha256=None,
        manifest_sha256=sha256_file(folder / MANIFEST),
        audio_checked=True,
        task=task or Task(),
        counts=CorpusCounts(len(utterances), None, dict.fromkeys(labels, 1), {}, {}, {}, {}),
        found_beside_expected={},
        notes=(),
    )
    write_sealed(folder / FACTS, facts.to_json())


def write_folds(
    folder: Path, utterances: Sequence[Utterance], protocol: str, dev: str = "none", task: Task | None = None
) -> None:
    """Write the folds of a protocol under the name that stage 0 gives them."""
    usual = read_facts(folder).task
    path = folds_path(folder, protocol, dev, task_name=(task or usual).name(usual))
    write_sealed(path, make_folds(utterances, protocol, dev, task=task).to_json())
