"""Functionals of whole utterances: openSMILE's own values, guards."""

from __future__ import annotations

import importlib.metadata
import pickle
import sys

import numpy as np
import pytest

from speechbrain_ext.features import functionals
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import SIZES, Functionals
from speechbrain_ext.utils.errors import UserError


def voiced(num_samples: int = 16000, seed: int = 0) -> np.ndarray:
    """Pulses of 120 Hz with some noise."""
    signal = np.random.default_rng(seed).normal(0, 0.01, num_samples)
    signal[::133] += 0.6
    return signal.astype(np.float32)


@pytest.mark.parametrize("feature_set", SIZES)
def test_values_and_columns_are_those_of_opensmile(feature_set):
    opensmile = pytest.importorskip("opensmile", reason="openSMILE is an extra")
    smile = opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel.Functionals)
    feature = Functionals(feature_set)
    row = feature(voiced())
    assert row.shape == (1, SIZES[feature_set]) and row.dtype == np.float32
    assert feature.columns == smile.feature_names and len(feature.columns) == feature.dim
    np.testing.assert_array_equal(row, smile.process_signal(voiced(), 16000).to_numpy(dtype=np.float32))


def test_full_scale_does_not_wrap_around():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    loud = voiced()
    loud[::133] = 1.0
    almost = np.minimum(loud, np.float32(32767 / 32768))
    feature = Functionals("eGeMAPSv02")
    assert np.array_equal(feature(loud), feature(almost))


@pytest.mark.parametrize("feature_set", SIZES)
def test_too_short_is_refused_and_the_least_length_is_enough(feature_set):
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    feature = Functionals(feature_set)
    for num_samples in (1, 400, 959):
        with pytest.raises(UserError, match=r"at least 0\.06 s of audio for functionals"):
            feature(voiced(num_samples))
    assert feature(voiced(960)).shape == (1, feature.dim)


@pytest.mark.parametrize("feature_set", SIZES)
def test_it_is_kept_in_a_cache_of_its_own(feature_set, tmp_path):
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    feature = Functionals(feature_set)
    cache = FeatureCache(tmp_path, feature)
    with cache.writer() as writer:
        writer.add("ab12", feature(voiced()))
    assert np.array_equal(FeatureCache(tmp_path, Functionals(feature_set)).get("ab12"), feature(voiced()))
    assert np.isfinite(feature.silence()).all() and feature.silence().shape == (feature.dim,)


def test_the_sets_have_unlike_identities_that_pickling_keeps():
    features = [Functionals(name) for name in SIZES]
    assert len({feature.tag for feature in features}) == 2
    assert all(pickle.loads(pickle.dumps(feature)).tag == feature.tag for feature in features)


def test_an_unknown_set_is_refused_by_name():
    with pytest.raises(UserError, match="expected one of ComParE_2016, eGeMAPSv02, found 'IS09'"):
        Functionals("IS09")


def test_missing_opensmile_is_one_line_with_the_cure(monkeypatch):
    functionals._engine.cache_clear()
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(UserError, match=r"'functionals'.*non-commercial.*pip install -e '\.\[opensmile\]'") as told:
        Functionals()(voiced())
    assert "\n" not in str(told.value)

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(UserError, match="pip install"):
        _ = Functionals().tag
