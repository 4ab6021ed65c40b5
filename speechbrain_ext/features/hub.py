"""A model's files of the Hugging Face hub: from its cache, or downloaded."""

from __future__ import annotations

from pathlib import Path

from speechbrain_ext.utils.errors import UserError

NAME = r"\w[\w.-]*(/\w[\w.-]*)?(@[\w./-]+)?"
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that there is


def split(name: str) -> tuple[str, str]:
    """Split `owner/name@revision` into model and revision.

    Example
    -------
    >>> split("facebook/wav2vec2-base"), split("a/b@v1")
    (('facebook/wav2vec2-base', 'main'), ('a/b', 'v1'))
    """
    model, _, revision = name.partition("@")
    return model, revision or "main"


def fetch(name: str) -> Path:
    """Give the folder of a model in the hub's cache; the model is downloaded when it is not there.

    Arguments
    ---------
    name : str
        `owner/name` or `owner/name@revision`.

    Returns
    -------
    Path
        The folder of one commit, named after it.

    Raises
    ------
    UserError
        The hub cannot be reached, or has no such model.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    if folder := kept(name):
        return folder
    if constants.HF_HUB_OFFLINE:
        raise UserError(_missing(name, f"HF_HUB_OFFLINE is set and {constants.HF_HUB_CACHE} does not hold it"))
    model, revision = split(name)
    try:
        for weights in WEIGHTS:
            folder = _snapshot(model, revision, weights)
            if _is_complete(folder):
                return folder
            revision = folder.name  # the same commit, should the model change meanwhile
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UserError(_missing(name, "the hub has no such model or revision that you may read")) from None
    except LocalEntryNotFoundError:
        raise UserError(_missing(name, f"{constants.ENDPOINT} is out of reach")) from None
    except Exception as fault:
        # The client's faults of network and disk have no common kind.
        text = (str(fault).strip() or "no reason given").splitlines()[0]
        raise UserError(_missing(name, f"the download failed ({type(fault).__name__}: {text})")) from None
    files = f"{CONFIG}, {PREPROCESSOR} and {' or '.join(WEIGHTS)}"
    raise UserError(_missing(name, f"the hub's model lacks some of {files}"))


def kept(name: str) -> Path | None:
    """Give the model's folder in the cache when all its files are there."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = _snapshot(*split(name), *WEIGHTS, local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    return folder if _is_complete(folder) else None


def _snapshot(model: str, revision: str, *weights: str, local_files_only: bool = False) -> Path:
    from huggingface_hub import snapshot_download

    patterns = [CONFIG, PREPROCESSOR, *weights]
    return Path(snapshot_download(model, revision=revision, allow_patterns=patterns, local_files_only=local_files_only))


def _is_complete(folder: Path) -> bool:
    configured = all((folder / file).is_file() for file in (CONFIG, PREPROCESSOR))
    return configured and any((folder / file).is_file() for file in WEIGHTS)


def _missing(name: str, why: str) -> str:
    return (
        f"--ssl_model {name}: expected a folder or a model of the hub, found no folder {name} here, and {why}: "
        "type a model's folder (-- --ssl_model DIR), or set HF_HOME to a cache that holds it (and HF_HUB_OFFLINE=1)"
    )
