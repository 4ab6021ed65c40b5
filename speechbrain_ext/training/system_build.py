"""A system built and run once on noise, before anything is computed: keys that do not fit together are found early."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
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
Outputs = dict[str, Mapping[str, torch.Tensor]]


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
    extractors = {name: _feature(name, built["features"][name]) for name in hp.features()}
    _check_lengths(hp, built, extractors)
    outputs: Outputs = {}
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in hp.phases:
            try:
                _check_phase(built, name, extractors, outputs)
            except FAULTS as fault:
                raise UserError(f"phase {name}: {_line(fault)}: change these hyper-parameters") from None


def _check_lengths(hp: Hparams, built: dict[str, Any], extractors: dict[str, Extractor | None]) -> None:
    """Refuse a system that does not say how long utterances are made, where it reads frames."""
    framed = [name for name, extractor in extractors.items() if extractor is not None and extractor.hop_s]
    missing = [key for key in ("duration_s", "pad") if key not in built]
    if framed and missing and not built.get("segment_s"):
        raise UserError(f"{hp.system_path}: missing key {missing[0]}, which the feature {framed[0]} needs: add it")


def _check_phase(built: dict[str, Any], name: str, extractors: dict[str, Extractor | None], outputs: Outputs) -> None:
    node = built["phases"][name]
    if "classifier" in node:
        node["classifier"]()
        return
    training = training_of(built, name)
    kind, options = declared_network(node["network"])
    if kind.outline(**options) is None:
        inputs = _inputs(built, node, extractors, outputs)
        network = kind(**options).eval()
        if inputs is not None:
            outputs[name] = network(*inputs)
    if "loss" in node:
        node["loss"]()
    optimizer = getattr(torch.optim, training.optimizer)
    options = dict(training.optimizer_options or {})
    optimizer([torch.nn.Parameter(torch.zeros(1))], lr=training.lr, weight_decay=training.weight_decay, **options)
    if mask := training.spec_augment:
        SpectrogramMask(**mask)
    for variant in training.augment_waveform:
        parse_variant(variant)


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


def _inputs(
    built: dict[str, Any], node: dict[str, Any], extractors: dict[str, Extractor | None], outputs: Outputs
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]] | None:
    """Noise of the shapes that training has, and lengths; None where a self-supervised model decides them."""
    features, lengths = {}, {}
    for name in node.get("features") or []:
        extractor = extractors[name]
        if extractor is None or not (rows := _rows(built, extractor)):
            return None
        features[name] = torch.rand(ITEMS, rows, extractor.dim)  # [item, row, feature]
        lengths[name] = torch.tensor([rows, max(1, rows // 2)])
    for name in node.get("frozen") or []:
        if name not in outputs:
            return None
        earlier = outputs[name]
        if "frames" in earlier and built.get("segment_s"):
            features[name], lengths[name] = earlier["frames"], earlier["frame_lengths"]
        else:
            features[name] = earlier["embedding"]
    return features, lengths


def _rows(built: dict[str, Any], extractor: Extractor) -> int:
    """Rows of a segment, or of the longest utterance; 0 for a feature whose rows are not frames."""
    key = "segment_s" if built.get("segment_s") else "duration_s"
    rows = extractor.segment_rows if key == "segment_s" else 0
    if not extractor.hop_s or key not in built:
        return rows
    rows = rows or round(built[key] / extractor.hop_s)
    if not rows:
        raise ValueError(f"{key}: expected at least one frame of {extractor.hop_s} s, found {built[key]} s")
    return rows


def _line(fault: BaseException) -> str:
    return (" ".join(str(fault).split()) or type(fault).__name__)[:300]
