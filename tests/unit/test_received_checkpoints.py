"""No file of a received checkpoint runs code, also where the environment lets torch unpickle everything."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
import yaml
from speechbrain.nnet.schedulers import NewBobScheduler, ReduceLROnPlateau
from speechbrain.utils.epoch_loop import EpochCounter, EpochCounterWithStopper

from speechbrain_ext.training.checkpoints import MARK, SafeCheckpointer
from speechbrain_ext.training.weights_only import UNSAFE_SWITCH
from speechbrain_ext.utils.errors import UserError

MARKER = "EXECUTED"


class Evil:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / MARKER),)


def make(folder):
    model = torch.nn.Linear(2, 1)
    parts = {
        "model": model,
        "optimizer": torch.optim.Adam(model.parameters()),
        "scaler": torch.amp.GradScaler("cpu"),
        "new_bob": NewBobScheduler(0.1),
        "plateau": ReduceLROnPlateau(),
        "counter": EpochCounter(3),
        "stopper": EpochCounterWithStopper(3, 2, 0, "max"),
    }
    return SafeCheckpointer(folder, parts)


@pytest.mark.parametrize("switch", [None, "1"])
@pytest.mark.parametrize("name", ["model", "optimizer", "scaler", "new_bob", "plateau", "counter", "stopper"])
def test_a_pickle_in_a_checkpoint_is_not_run(tmp_path, monkeypatch, name, switch):
    if switch:
        monkeypatch.setenv(UNSAFE_SWITCH, switch)
    checkpointer = make(tmp_path / "save")
    folder = checkpointer.save_checkpoint(meta={"epoch": 1}).path
    for file in (folder / f"{name}.ckpt", folder / MARK):
        assert file.exists()
    (folder / f"{name}.ckpt").write_bytes(pickle.dumps(Evil(tmp_path)))
    with pytest.raises(UserError if name not in ("counter", "stopper") else Exception):
        checkpointer._call_load_hooks(next(iter(super(SafeCheckpointer, checkpointer).list_checkpoints())))
    assert not (tmp_path / MARKER).exists()
    assert os.environ.get(UNSAFE_SWITCH) == switch


def test_the_same_files_would_run_code_without_the_guard(tmp_path, monkeypatch):
    """So that the test above tests something: torch's default is what the environment says."""
    monkeypatch.setenv(UNSAFE_SWITCH, "1")
    file = tmp_path / "model.ckpt"
    file.write_bytes(pickle.dumps(Evil(tmp_path)))
    with pytest.warns(UserWarning, match="weights_only"), pytest.raises(RuntimeError, match="magic number"):
        torch.load(file)
    assert (tmp_path / MARKER).exists()


@pytest.mark.parametrize("name", ["CKPT.yaml", "stopper.ckpt"])
def test_yaml_in_a_checkpoint_builds_no_object(tmp_path, name):
    checkpointer = make(tmp_path / "save")
    folder = checkpointer.save_checkpoint(meta={"epoch": 1}).path
    (folder / name).write_text(f"!!python/object/apply:os.mkdir ['{tmp_path / MARKER}']")
    with pytest.raises((UserError, yaml.YAMLError, ValueError)):
        checkpointer._call_load_hooks(next(iter(super(SafeCheckpointer, checkpointer).list_checkpoints())))
    assert not (tmp_path / MARKER).exists()
