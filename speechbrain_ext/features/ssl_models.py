"""Self-supervised speech models: found in a folder or in the hub, described, loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from speechbrain_ext.features import hub
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_file, sha256_json
from speechbrain_ext.utils.json_values import JsonObject, JsonValue

KINDS = ("wav2vec2", "hubert", "wavlm")
RATE_HZ = 16000
MIN_SAMPLES = 400  # the convolutions in front of all three kinds see 400 samples at once
FILES = (hub.CONFIG, hub.PREPROCESSOR)
WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
LATE = ("masked_spec_embed",)  # used while pre-training only: a file may lack it
# Fields of a configuration for which transformers fetches code.
CODE_FIELDS = ("auto_map", "attn_implementation", "_attn_implementation", "experts_implementation", "custom_generate")
TYPE = "type: -- --ssl_model DIR (or a hub's OWNER/NAME)"


@dataclass(frozen=True)
class SSLModel:
    """A model's files, and what they say before anything is loaded.

    Attributes
    ----------
    name : str
        As the user wrote it: a folder, or a hub's `owner/name` with an optional `@revision`.
    folder : Path
        Where its files are on this machine.
    config : dict
        Its config.json.
    normalise : bool
        Whether it was trained on waveforms of mean 0 and variance 1.
    """

    name: str
    folder: Path
    config: dict[str, Any]
    normalise: bool

    @property
    def layers(self) -> int:
        """Hidden states: the input of the first transformer layer, and the output of each."""
        return int(self.config["num_hidden_layers"]) + 1

    @property
    def size(self) -> int:
        """Dimensions of a hidden state."""
        return int(self.config["hidden_size"])

    @cached_property
    def identity(self) -> str:
        """What decides its values: the hub's name and commit, or a hash of a folder's files."""
        if not Path(self.name).expanduser().is_dir():
            return f"{hub.split(self.name)[0]}@{self.folder.name}"
        weights = {path.name: _sha256(str(path), *_stamp(path)) for path in weight_files(self.folder)}
        return f"sha256:{sha256_json({'config': self.config, 'normalise': self.normalise, 'weights': weights})}"

    def load(self) -> Any:
        """Load the model in float32, ready to be trained; nothing is random in it but dropout.

        Raises
        ------
        UserError
            The files hold no such model, or lack some of its weights.
        """
        from transformers import AutoModel

        quiet()
        try:
            # What breaks in a damaged or foreign file is any of many kinds.
            model, report = AutoModel.from_pretrained(
                self.folder, config=configured(self.config), output_loading_info=True, **_OPTIONS
            )
        except Exception as fault:
            text = (str(fault).strip() or "no reason given").splitlines()[0]
            raise UserError(
                f"--ssl_model {self.name}: cannot load the weights in {self.folder} ({type(fault).__name__}: {text}): "
                f"fetch the model again, or {TYPE}"
            ) from None
        lacking = sorted(key for key in report["missing_keys"] if key not in LATE)
        if lacking:
            raise UserError(
                f"--ssl_model {self.name}: expected all weights of a {self.config['model_type']} model, found "
                f"{len(lacking)} missing, {lacking[0]} first: fetch the model again, or {TYPE}"
            )
        return model


_OPTIONS = {"attn_implementation": "eager", "local_files_only": True, "dtype": "float32", "trust_remote_code": False}


@dataclass(frozen=True)
class ModelOutline(SSLModel):
    """A model's configuration without its weights: what is built from it has the true sizes and random values."""

    def load(self) -> Any:
        """Build the model with random weights."""
        return blank(self.config)


def outline(name: str) -> ModelOutline:
    """Describe a model without fetching it: as it is where it lies on this machine, else as a base model of 768.

    Arguments
    ---------
    name : str
        As `find` takes it.

    Raises
    ------
    UserError
        A folder of that name holds no such model.
    """
    if Path(name).expanduser().exists() or (re.fullmatch(hub.NAME, name) and hub.kept(name)):
        model = find(name)
        return ModelOutline(model.name, model.folder, model.config, model.normalise)
    base = {"model_type": KINDS[0], "hidden_size": 768, "num_hidden_layers": 12}
    return ModelOutline(name, Path(), base, True)


def find(name: str | SSLModel) -> SSLModel:
    """Find a model by its folder or its hub's name, and read its configuration.

    A model in the hub's cache is taken as it is, without a word to the hub.

    Arguments
    ---------
    name : str or SSLModel
        A folder with config.json, preprocessor_config.json and weights, or `owner/name[@revision]`; a model that was
        found already is given back.

    Raises
    ------
    UserError
        No such folder, files missing or of another kind, or the hub out of reach.
    """
    if isinstance(name, SSLModel):
        return name
    place = Path(name).expanduser()
    if place.is_dir():
        folder = place.resolve()
    elif place.exists():
        raise UserError(f"--ssl_model {name}: expected a folder, found a file: {TYPE}")
    elif name.startswith(("/", ".", "~")) or not re.fullmatch(hub.NAME, name):
        raise UserError(f"--ssl_model {name}: expected a folder or a hub's OWNER/NAME, found no such folder: {TYPE}")
    else:
        folder = hub.fetch(name)
    config, preprocessor = (_read(name, folder / file) for file in FILES)
    _check(name, folder, config, preprocessor)
    return SSLModel(name, folder, config, bool(preprocessor.get("do_normalize", True)))


def configured(config: JsonObject) -> Any:
    """A configuration of transformers without what is random, or not the model proper.

    Without layer drop and masking every weight has a gradient in every step, which
    training with several ranks needs.
    """
    from transformers import AutoConfig

    keys: dict[str, Any] = without_code(config)
    known = AutoConfig.for_model(**keys)
    known.layerdrop = 0.0
    known.apply_spec_augment = False
    known.add_adapter = False
    return known


def without_code(config: Mapping[str, JsonValue]) -> JsonObject:
    """Fields of a configuration without those that name code of a hub, which a received model could run.

    Example
    -------
    >>> without_code({"model_type": "wav2vec2", "attn_implementation": "owner/kernel"})
    {'model_type': 'wav2vec2'}
    """
    return {key: value for key, value in config.items() if key not in CODE_FIELDS}


def blank(config: JsonObject) -> Any:
    """The model of a configuration with random weights, to be filled from a checkpoint."""
    from transformers import AutoModel

    quiet()
    return AutoModel.from_config(configured(config), attn_implementation="eager")


def weight_files(folder: Path) -> list[Path]:
    """Files of weights in a folder, by name."""
    return sorted(path for pattern in WEIGHTS for path in folder.glob(pattern))


def quiet() -> None:
    """Switch off transformers' own progress bars, reports and warnings, which would break our lines."""
    import warnings

    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # WavLM hands torch a mask of numbers in addition to one of truth values.
    warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")


def _read(name: str, path: Path) -> JsonObject:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"--ssl_model {name}: expected {', '.join(FILES)} and weights in {path.parent}, found no {path.name}: "
            f"put the model's own {path.name} there, or {TYPE}"
        ) from None
    except ValueError as fault:
        raise UserError(f"{path}: not JSON ({fault}): put the model's own {path.name} there") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected keys with values: put the model's own {path.name} there")
    return content


def _check(name: str, folder: Path, config: JsonObject, preprocessor: JsonObject) -> None:
    kind = config.get("model_type")
    if kind not in KINDS:
        raise UserError(f"--ssl_model {name}: expected a model of {', '.join(KINDS)}, found {kind!r}: {TYPE}")
    for key in ("hidden_size", "num_hidden_layers"):
        if not isinstance(config.get(key), int):
            raise UserError(f"{folder / hub.CONFIG}: expected a number {key}: put the model's own {hub.CONFIG} there")
    rate_hz = preprocessor.get("sampling_rate", RATE_HZ)
    if rate_hz != RATE_HZ:
        raise UserError(f"--ssl_model {name}: expected a model of {RATE_HZ} Hz, found {rate_hz} Hz: {TYPE}")
    if not weight_files(folder):
        raise UserError(
            f"--ssl_model {name}: expected weights ({' or '.join(WEIGHTS)}) in {folder}, found none: {TYPE}"
        )


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=32)
def _sha256(path: str, *stamp: int) -> str:
    """Hash of a file, once per process and state of the file."""
    return sha256_file(path)
