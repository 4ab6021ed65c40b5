"""What a user asked for, as a typed record."""

from __future__ import annotations

import os
from dataclasses import dataclass

from speechbrain_ext.utils.repository import REPOSITORY

SELECTIONS = ("last", "dev", "test")
PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class RunSpec:
    """What a user asked for, in plain values that travel to worker processes.

    Attributes
    ----------
    recipe, system : str
        The recipe's folder; a name that `--system` takes.
    overrides : tuple of str
        The words after `--`.
    data, exp, cache : str
        Folder of one corpus `data/<CORPUS>-<source>`; the experiments' root; the features' root.
    row, preset : str
        Names of the row and of the preset.
    table, table_row : str
        The paper's table and its row that this is, such as amsnet/5 and FRLM; "" where it is none.
    protocol, dev, fold_seed, selection, seed
        As the options of the same names.
    device, precision, compile
        Where and how a network runs; "" is chosen by what is there.
    trust
        Whether a YAML from elsewhere may run the code that it names.
    method, target, target_task : str
        How a model is adapted to another corpus, the folder `data/<CORPUS>-<source>` of that corpus, and its task as
        JSON, which says what utterances are scored; "" where the model is trained as its system says. The target's
        labels are not used to train, but to leave out what is not scored.
    phase_epochs : tuple of str
        Epochs of phases that are fixed beforehand, such as frlm=12; a phase that is not named has those of the
        system's YAML.
    """

    recipe: str
    system: str
    data: str
    exp: str
    cache: str
    overrides: tuple[str, ...] = ()
    row: str = "default"
    preset: str = "paper"
    protocol: str = "paper"
    dev: str = "none"
    fold_seed: int = 0
    selection: str = ""
    seed: int = 1
    device: str = "cpu"
    precision: str = "fp32"
    compile: bool = False
    threads: int = 1
    command: str = ""
    table: str = ""
    table_row: str = ""
    trust: bool = False
    method: str = ""
    target: str = ""
    target_task: str = ""
    phase_epochs: tuple[str, ...] = ()

    @property
    def fixed_epochs(self) -> dict[str, int]:
        """Epochs that are fixed beforehand, by phase."""
        return {phase: int(number) for phase, _, number in (text.partition("=") for text in self.phase_epochs)}


def default_cache() -> str:
    """The features' root: SER_CACHE, or `.cache` in the repository."""
    return os.environ.get("SER_CACHE") or str(REPOSITORY / ".cache")
