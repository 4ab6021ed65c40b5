"""A system built and run once on noise, before anything is computed: keys that do not fit together are found early."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from speechbrain_ext.features.augment import SpectrogramMask, parse_variant
from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.hparams import Hparams
from speechbrain_ext.hparams.training import training_of
from speechbrain_ext.lobes.network import declared_network
from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.errors import UserError

ITEMS = 2
SAMPLE_RATE_HZ = 16000
# What a constructor or a forward raises where its sizes do not fit together.
FAULTS = (ValueError, TypeError, RuntimeError, IndexError, KeyError, ZeroDivisionError, OverflowError, MemoryError)


def check_system(hp: Hparams) -> None:
    """Build features, networks, losses and optimisers of the chosen variant, and run networks that are small.

    A self-supervised model is not fetched: networks around it are built without memory for their weights and not run.

    Arguments
    ---------
    hp : Hparams

    Raises
    ------
    UserError
        A part cannot be built or run with these hyper-parameters; phase and fault are named.
    """
    try:
        built = hp.build()
    except FAULTS as fault:
        raise UserError(f"{hp.system_path}: {_line(fault)}: change this hyper-parameter") from None
    trial = _Trial(hp, built, {name: _feature(name, built["features"][name]) for name in hp.features()})
    trial.check_lengths()
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in hp.phases:
            try:
                trial.check_phase(name)
            except FAULTS as fault:
                raise UserError(f"phase {name}: {_line(fault)}: change these hyper-parameters") from None


@dataclass
class _Trial:
    """A system that is built, its extractors, and the outputs of the phases that ran on noise so far."""

    hp: Hparams
    built: dict[str, Any]
    extractors: dict[str, Extractor | None]
    outputs: dict[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)

    def check_lengths(self) -> None:
        """Refuse a system that does not say how long utterances are made, where it reads frames."""
        framed = [name for name, extractor in self.extractors.items() if extractor is not None and extractor.hop_s]
        missing = [key for key in ("duration_s", "pad") if key not in self.built]
        if framed and missing and not self.built.get("segment_s"):
            raise UserError(
                f"{self.hp.system_path}: missing key {missing[0]}, which the feature {framed[0]} needs: add it"
            )

    def check_phase(self, name: str) -> None:
        """Build a phase, and run its network where that needs no pretrained model."""
        node = self.built["phases"][name]
        if "classifier" in node:
            node["classifier"]()
            return
        training = training_of(self.built, name)
        kind, options = declared_network(node["network"])
        if kind.outline(**options) is None:
            inputs = self._inputs(name)
            network = kind(**options).eval()
            if inputs is not None:
                self.outputs[name] = network(*inputs)
        if "loss" in node:
            node["loss"]()
        optimizer = getattr(torch.optim, training.optimizer)
        options = dict(training.optimizer_options or {})
        optimizer([torch.nn.Parameter(torch.zeros(1))], lr=training.lr, weight_decay=training.weight_decay, **options)
        if mask := training.spec_augment:
            SpectrogramMask(**mask)
        for variant in training.augment_waveform:
            parse_variant(variant)

    def _inputs(self, phase: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]] | None:
        """Noise of the shapes that training has, and lengths; None where a self-supervised model decides them."""
        node = self.built["phases"][phase]
        features, lengths = {}, {}
        for name in node.get("features") or []:
            extractor = self.extractors[name]
            if extractor is None or not (rows := self._rows(extractor)):
                return None
            features[name] = torch.rand(ITEMS, rows, extractor.dim)  # [item, row, feature]
            lengths[name] = torch.tensor([rows, max(1, rows // 2)])
        for name in node.get("frozen") or []:
            if name not in self.outputs:
                return None
            earlier = self.outputs[name]
            if "frames" in earlier and self.built.get("segment_s"):
                features[name], lengths[name] = earlier["frames"], earlier["frame_lengths"]
            else:
                features[name] = earlier["embedding"]
        return features, lengths

    def _rows(self, extractor: Extractor) -> int:
        """Rows of a segment, or of the longest utterance; 0 for a feature whose rows are not frames."""
        key = "segment_s" if self.built.get("segment_s") else "duration_s"
        rows = extractor.segment_rows if key == "segment_s" else 0
        if not extractor.hop_s or key not in self.built:
            return rows
        rows = rows or round(self.built[key] / extractor.hop_s)
        if not rows:
            raise ValueError(f"{key}: expected at least one frame of {extractor.hop_s} s, found {self.built[key]} s")
        return rows


def check_resources(hp: Hparams) -> None:
    """Refuse what the networks of a system lack, before hours are spent on features.

    Raises
    ------
    UserError
        Saying what to install or to type.
    """
    nodes = hp.build()["phases"]
    for name in hp.phases:
        if "network" in nodes[name]:
            kind, options = declared_network(nodes[name]["network"])
            kind.check_resources(**options)


def _feature(name: str, make: Any) -> Extractor | None:
    """A feature's extractor; None for a pretrained model's, which only stage 1 may fetch."""
    if declared(make)[0].pretrained:
        return None
    try:
        return make()
    except FAULTS as fault:
        raise UserError(f"feature {name}: {_line(fault)}: change this hyper-parameter") from None


def _line(fault: BaseException) -> str:
    return (" ".join(str(fault).split()) or type(fault).__name__)[:300]
