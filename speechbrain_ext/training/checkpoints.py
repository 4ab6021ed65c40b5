"""Checkpoints that count only when they are complete and undamaged, and a history that is saved with them."""

from __future__ import annotations

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

from speechbrain_ext.training.finished import TRAIN
from speechbrain_ext.training.weights_only import weights_only
from speechbrain_ext.utils.files import DamagedFile, check_files, read_sealed, sha256_file, write_sealed
from speechbrain_ext.utils.folders import remove_folder

MARK = "COMPLETE.json"
LOW_DISK_BYTES = 64 * 2**20


class SafeCheckpointer(Checkpointer):
    """SpeechBrain's Checkpointer; ignores checkpoints that are incomplete or damaged.

    SpeechBrain writes the meta file first, so a kill inside a save leaves a
    folder that counts as the newest checkpoint and stops every later start.
    Here a checkpoint counts once a mark, written last, names the SHA-256 of
    each of its files, and the files still have it. A damaged one is named
    once in a warning and passed over.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By the sizes and times of a checkpoint's files, so that each is hashed once.
        self._checked: dict[tuple[Any, ...], bool] = {}

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> Checkpoint | None:
        """Save, push the bytes to the disk, then set the mark."""
        try:
            checkpoint = super().save_checkpoint(*args, **kwargs)
        except RuntimeError:
            # torch's writer reports a full disk as an error of its container format.
            if shutil.disk_usage(self.checkpoints_dir).free < LOW_DISK_BYTES:
                raise OSError(errno.ENOSPC, "no space left", str(self.checkpoints_dir)) from None
            raise
        ddp_barrier()
        # SpeechBrain gives the checkpoint to the first rank alone, which is the one that marks it.
        if checkpoint is not None:
            folder = Path(checkpoint.path)
            hashes = {}
            for path in sorted(folder.iterdir()):
                with open(path, "rb") as stream:
                    os.fsync(stream.fileno())
                hashes[path.name] = sha256_file(path)
            write_sealed(folder / MARK, {"files": hashes})
            self._checked[_signature(folder)] = True
        ddp_barrier()
        return checkpoint

    def list_checkpoints(self) -> list[Checkpoint]:
        """Checkpoints that are complete and undamaged."""
        # Chosen by folder, before SpeechBrain reads the meta file, which a kill may have cut off.
        return self._construct_checkpoint_objects([one for one in self._list_checkpoint_dirs() if self._is_sound(one)])

    def _call_load_hooks(self, checkpoint: Checkpoint) -> None:
        with weights_only(str(checkpoint.path)):
            super()._call_load_hooks(checkpoint)

    def sweep(self) -> None:
        """Remove incomplete and damaged checkpoints, which a killed process or a bad disk left."""
        if if_main_process():
            for folder in Path(self.checkpoints_dir).glob("CKPT+*"):
                if not self._is_sound(folder):
                    remove_folder(self.checkpoints_dir, folder)
        ddp_barrier()

    def _is_sound(self, folder: Path) -> bool:
        if (key := _signature(folder)) not in self._checked:
            self._checked[key] = _is_sound(folder)
        return self._checked[key]


def _signature(folder: Path) -> tuple[Any, ...]:
    stats = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    return str(folder), *((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def _is_sound(folder: Path) -> bool:
    if not (folder / MARK).exists():
        return False
    try:
        check_files(folder / MARK, read_sealed(folder / MARK, TRAIN).get("files"), TRAIN)
    except DamagedFile as fault:
        if if_main_process():
            print(f"warning: {fault}: this checkpoint is passed over", flush=True)
        return False
    return True


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
