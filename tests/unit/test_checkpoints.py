"""A checkpoint that was not written to its end never blocks the next start."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest
import torch
from speechbrain.utils.checkpoints import Checkpointer

from speechbrain_ext.training import checkpoints
from speechbrain_ext.training.checkpoints import MARK, History, SafeCheckpointer


def saved(folder, values):
    model = torch.nn.Linear(2, 1)
    history = History()
    checkpointer = SafeCheckpointer(folder, {"model": model, "history": history})
    for epoch, value in enumerate(values, 1):
        torch.nn.init.constant_(model.weight, value)
        history.rows.append({"epoch": epoch, "dev_uar": value})
        checkpointer.save_checkpoint(meta={"epoch": epoch, "rank": value})
    return checkpointer, model, history


def newest(checkpointer):
    return max(checkpointer.list_checkpoints(), key=lambda one: one.meta["epoch"])


@pytest.mark.parametrize("damage", ["no mark", "cut-off", "only meta", "one bit", "meta cut off", "mark edited"])
def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path, damage, capsys):
    checkpointer, model, history = saved(tmp_path, [0.1, 0.2])
    path = newest(checkpointer).path
    if damage == "no mark":
        (path / MARK).unlink()
    elif damage == "cut-off":
        content = (path / "model.ckpt").read_bytes()
        (path / "model.ckpt").write_bytes(content[: len(content) // 2])
    elif damage == "one bit":
        content = bytearray((path / "model.ckpt").read_bytes())
        content[len(content) // 2] ^= 1
        (path / "model.ckpt").write_bytes(content)
    elif damage == "meta cut off":
        (path / "CKPT.yaml").write_text("epoch: [")
    elif damage == "mark edited":
        (path / MARK).write_text((path / MARK).read_text().replace("model.ckpt", "other.ckpt"))
    else:
        for file in path.iterdir():
            if file.name != "CKPT.yaml":
                file.unlink()
    torch.nn.init.constant_(model.weight, 9.0)
    history.rows.clear()
    checkpointer.recover_if_possible()
    assert torch.equal(model.weight, torch.full((1, 2), 0.1))
    assert history.rows == [{"epoch": 1, "dev_uar": 0.1}]
    named = "warning: " in (out := capsys.readouterr().out) and path.name in out and "passed over" in out
    assert named == (damage not in ("no mark", "only meta"))
    checkpointer.sweep()
    assert [one.name for one in tmp_path.iterdir()] == [newest(checkpointer).path.name]


def test_only_damaged_ones_means_a_fresh_start(tmp_path):
    checkpointer, _, _ = saved(tmp_path, [0.1])
    (newest(checkpointer).path / MARK).unlink()
    assert checkpointer.recover_if_possible() is None


def test_the_other_ranks_of_a_training_get_no_checkpoint_to_mark(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpointer, "save_checkpoint", lambda *_, **__: None)
    assert SafeCheckpointer(tmp_path).save_checkpoint() is None


def test_a_new_process_goes_on_from_the_newest_checkpoint(tmp_path):
    saved(tmp_path, [0.1, 0.2])
    model, history = torch.nn.Linear(2, 1), History()
    checkpointer = SafeCheckpointer(tmp_path, {"model": model, "history": history})
    checkpointer.sweep()
    assert checkpointer.recover_if_possible().meta["epoch"] == 2
    assert torch.equal(model.weight, torch.full((1, 2), 0.2))
    assert [row["dev_uar"] for row in history.rows] == [0.1, 0.2]


def test_every_byte_is_on_the_disk_before_a_checkpoint_counts(tmp_path, monkeypatch):
    """Otherwise a power cut leaves a checkpoint that counts and whose files are empty."""
    synced, sync = set(), os.fsync

    def fsync(descriptor):
        if not list(tmp_path.glob(f"CKPT+*/{MARK}")):
            synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    checkpointer, _, _ = saved(tmp_path, [0.1])
    files = [path for path in newest(checkpointer).path.iterdir() if path.name != MARK]
    assert len(files) == 3 and {path.stat().st_ino for path in files} <= synced


@pytest.mark.parametrize(("free_bytes", "is_full"), [(0, True), (64 * 1024**2 - 1, True), (64 * 1024**2, False)])
def test_torch_s_error_is_of_a_full_disk_where_less_than_64_mib_are_free(tmp_path, monkeypatch, free_bytes, is_full):
    def fail(*_, **__):
        raise RuntimeError("PytorchStreamWriter failed writing file")

    monkeypatch.setattr(Checkpointer, "save_checkpoint", fail)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: SimpleNamespace(free=free_bytes))
    with pytest.raises(OSError if is_full else RuntimeError) as caught:
        SafeCheckpointer(tmp_path).save_checkpoint()
    if is_full:
        assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(tmp_path)


def test_the_best_epoch_is_the_highest_that_was_measured():
    history = History()
    assert history.best("dev_uar") is None
    history.rows += [{"epoch": 1, "dev_uar": 0.2}, {"epoch": 2, "dev_uar": 0.5}, {"epoch": 3, "dev_uar": None}]
    assert history.best("dev_uar") == 0.5 and history.best("dev_wa") is None
