"""Checkpoints that a kill at any moment cannot spoil, and a history that is saved with them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

from speechbrain.utils.checkpoints import (
    Checkpoint,
    Checkpointer,
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from speechbrain.utils.distributed import ddp_barrier, if_main_process

from speechbrain_ext.files import write_json
from speechbrain_ext.training.weights_only import weights_only

MARK = "COMPLETE.json"
LOW_DISK_BYTES = 64 * 2**20


class SafeCheckpointer(Checkpointer):
    """SpeechBrain's Checkpointer, blind to what was not written to its end.

    SpeechBrain writes the meta file first, so a kill inside a save leaves a
    folder that counts as the newest checkpoint and stops every later start.
    Here a checkpoint counts once a mark, written last, stands in it and each
    of its files has the size that the mark names.
    """

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> Checkpoint | None:
        """Save, push the bytes to the disk, then set the mark."""
        try:
            checkpoint = super().save_checkpoint(*args, **kwargs)
        except RuntimeError:
            # torch's writer tells a full disk as an error of its container format.
            if shutil.disk_usage(self.checkpoints_dir).free < LOW_DISK_BYTES:
                raise OSError(errno.ENOSPC, "no space left", str(self.checkpoints_dir)) from None
            raise
        ddp_barrier()
        if if_main_process():
            sizes = {}
            for path in sorted(Path(checkpoint.path).iterdir()):
                with open(path, "rb") as stream:
                    os.fsync(stream.fileno())
                sizes[path.name] = path.stat().st_size
            write_json(Path(checkpoint.path) / MARK, sizes)
        ddp_barrier()
        return checkpoint

    def list_checkpoints(self) -> list[Checkpoint]:
        """Checkpoints that are whole."""
        return [checkpoint for checkpoint in super().list_checkpoints() if _is_whole(Path(checkpoint.path))]

    def _call_load_hooks(self, checkpoint: Checkpoint) -> None:
        with weights_only(str(checkpoint.path)):
            super()._call_load_hooks(checkpoint)

    def sweep(self) -> None:
        """Remove what a killed process left half-written or half-deleted."""
        if if_main_process():
            for folder in Path(self.checkpoints_dir).glob("CKPT+*"):
                if not _is_whole(folder):
                    shutil.rmtree(folder, ignore_errors=True)
        ddp_barrier()


def _is_whole(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        sizes = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    return False


@register_checkpoint_hooks
class History:
    """What each epoch measured; saved with the checkpoint, so that a resumed run has one history.

    Example
    -------
    >>> history = History()
    >>> history.rows.append({"epoch": 1, "dev_uar": 0.5})
    >>> history.best("dev_uar")
    0.5
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def best(self, key: str) -> float | None:
        """The highest value so far, or None."""
        return max((row[key] for row in self.rows if row.get(key) is not None), default=None)

    @mark_as_saver
    def _save(self, path: str) -> None:
        Path(path).write_text(json.dumps(self.rows), encoding="utf-8")

    @mark_as_loader
    def _load(self, path: str, end_of_epoch: bool) -> None:
        del end_of_epoch
        self.rows = json.loads(Path(path).read_text(encoding="utf-8"))
