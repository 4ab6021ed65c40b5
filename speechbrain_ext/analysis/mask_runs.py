"""Silence masks of a trained run: its network, and the utterance that shows best what it does with silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from speechbrain_ext.analysis.mask_maps import MaskMaps, share_between_sounds, silent_runs, stage_maps
from speechbrain_ext.features.segments import count_segments
from speechbrain_ext.lobes.network import MaskingNetwork, declared_network
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import is_finished
from speechbrain_ext.training.fold import phases_of
from speechbrain_ext.training.network_phase import NetworkPhase
from speechbrain_ext.training.received import read_spec
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_sealed

SAMPLE_RATE_HZ = 16000
TRAIN = "./run.sh --stage 2 --stop-stage 2"


def load_run(folder: str | Path, cache: str = "", trust: bool = False) -> Experiment:
    """Read a run from its seed folder, wherever the experiments lie now; networks run on the CPU.

    Arguments
    ---------
    folder : str or Path
        exp/<CORPUS>-<source>/<system>/<row>/<protocol>/seed-<n>.
    cache : str
        The features' root, by default where the run had it.
    trust : bool
        Whether a YAML from outside the repository, which the run was made from, may run the code that it names.

    Raises
    ------
    UserError
        It is no such folder, or what it was made from is not there or has changed.
    """
    folder = Path(folder).resolve()
    where = folder / "spec.json"
    spec = read_spec(read_sealed(where, TRAIN), str(where), trust)
    if len(folder.parents) < 5:
        raise UserError(f"{folder}: expected a seed folder, exp/.../seed-<n>, found another: name one with --run")
    spec = replace(spec, exp=str(folder.parents[4]), cache=cache or spec.cache)
    experiment = Experiment(on_cpu(spec))
    if experiment.seed_folder != folder:
        raise UserError(f"{folder}: expected the folder {experiment.seed_folder} of its spec.json: move it back there")
    experiment.check_claim()
    return experiment


def on_cpu(spec: RunSpec) -> RunSpec:
    """The same run, with its networks on the CPU."""
    return replace(spec, device="cpu", compile=False)


def masked_phase(experiment: Experiment) -> str | None:
    """Name of the run's first phase whose network can mask silence; None where no phase has one."""
    nodes = experiment.hp.build()["phases"]
    named = (name for name in experiment.hp.phases if "network" in nodes[name])
    return next((name for name in named if declared_network(nodes[name]["network"])[0].mask_feature is not None), None)


def carries_masks(experiment: Experiment) -> bool:
    """Whether this phase is trained with masks."""
    name = masked_phase(experiment)
    if name is None:
        return False
    kind, options = declared_network(experiment.hp.build()["phases"][name]["network"])
    return kind.masks_silence(**options)


def mask_maps(experiment: Experiment, utterance: str = "", fold: str = "") -> MaskMaps:
    """Run one utterance through the trained network of a fold, with masks and without.

    Arguments
    ---------
    experiment : Experiment
        With its networks on the CPU.
    utterance : str
        Its id; by default the one of the fold's tested utterances whose segment has the largest share of silence
        between sounds.
    fold : str
        Its name; by default the first trained one, for a given utterance the first trained one that tests it.

    Raises
    ------
    UserError
        The run trains no such network, the fold is not trained, or there is no such fold or utterance.
    """
    name = masked_phase(experiment)
    if name is None:
        system = experiment.hp.system_name
        raise UserError(
            f"{experiment.seed_folder}: expected a run with a mask residual network, such as one of am_resnet, "
            f"found {system} {experiment.hp.tree['variant']}: name another folder with --run"
        )
    if utterance and utterance not in experiment.utterances:
        raise UserError(
            f"--utterance {utterance}: expected an id of {experiment.spec.data}/manifest.jsonl, found none such"
        )
    fold = _fold(experiment, name, utterance, fold)
    phases = (phase for phase in phases_of(experiment, fold) if isinstance(phase, NetworkPhase))
    phase = next(phase for phase in phases if phase.name == name)
    network = cast("MaskingNetwork", phase.network())
    segments = _Segments(experiment, phase, network)
    tested = experiment.fold(fold).test
    utterance, place = max(
        (segments.ranked(identity) for identity in ([utterance] if utterance else sorted(tested))),
        key=lambda ranked: ranked[0],
    )[1]
    original, processed = segments.samples(utterance, place)
    return MaskMaps(
        utterance=utterance,
        fold=fold,
        variant=network.variant,
        start_s=place * segments.rows / SAMPLE_RATE_HZ,
        seen_s=network.max_samples / SAMPLE_RATE_HZ,
        original=original,
        processed=processed,
        silences=tuple(silent_runs(processed)),
        stages=tuple(stage_maps(network, processed)),
    )


def _fold(experiment: Experiment, phase: str, utterance: str, asked: str) -> str:
    """The fold asked for, or the first trained one that tests the utterance, or else the first trained one."""
    names = experiment.folds.names
    if asked:
        if asked not in names:
            raise UserError(f"--fold {asked}: expected one of {', '.join(names)}")
        return asked
    trained = [name for name in names if is_finished(experiment.phase_folder(phase, name), phase)]
    if not trained:
        raise UserError(f"{experiment.seed_folder}: expected a trained fold, found none: train one with: {TRAIN}")
    testing = [name for name in trained if utterance in experiment.fold(name).test]
    return (testing or trained)[0]


class _Segments:
    """Utterances as the phase's network is given them: in segments, after MADD."""

    def __init__(self, experiment: Experiment, phase: NetworkPhase, network: MaskingNetwork) -> None:
        self.experiment = experiment
        self.source = next(source for source in phase.sources if source.name == network.mask_feature)
        self.rows = self.source.segment_rows or network.max_samples

    def ranked(self, identity: str) -> tuple[float, tuple[str, int]]:
        """The segment of an utterance with the largest share of silence between sounds; the first among equals."""
        samples = self._processed(identity)
        places = range(count_segments(len(samples), self.rows))
        shares = [share_between_sounds(self._cut(samples, place)) for place in places]
        return max(shares), (identity, shares.index(max(shares)))

    def samples(self, identity: str, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples of a segment before and after MADD."""
        root = Path(self.experiment.manifest.root)
        read = self.experiment.utterances[identity].read_audio(root, SAMPLE_RATE_HZ)
        original = self.source.cache.extractor.prepare(read)  # [samples]
        return self._cut(original, place), self._cut(self._processed(identity), place)

    def _processed(self, identity: str) -> np.ndarray:
        return self.source.cache.get(self.experiment.utterances[identity].audio_sha256)[:, 0]  # [samples]

    def _cut(self, samples: np.ndarray, place: int) -> np.ndarray:
        return np.array(samples[place * self.rows : (place + 1) * self.rows])  # [samples of the segment]
