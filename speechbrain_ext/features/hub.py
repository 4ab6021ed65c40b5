"""The model hub: a model's files from its cache, or fetched; out of reach is said at once."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

from speechbrain_ext.utils.errors import UserError

NAME = r"\w[\w.-]*(/\w[\w.-]*)?(@[\w./-]+)?"
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that there is
WAIT_S = 2.0


def split(name: str) -> tuple[str, str]:
    """Take `owner/name@revision` apart.

    Example
    -------
    >>> split("facebook/wav2vec2-base"), split("a/b@v1")
    (('facebook/wav2vec2-base', 'main'), ('a/b', 'v1'))
    """
    model, _, revision = name.partition("@")
    return model, revision or "main"


def fetch(name: str) -> Path:
    """Give the folder of a hub's model in the hub's cache, fetched when it is not there.

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
        The hub is out of reach, or has no such model.
    """
    from huggingface_hub import constants

    folder = kept(name)
    if folder:
        return folder
    if constants.HF_HUB_OFFLINE:
        raise UserError(_missing(name, f"HF_HUB_OFFLINE is set and {constants.HF_HUB_CACHE} does not hold it"))
    # Asked once before the hub's own client, which tries for many seconds.
    if not answers(constants.ENDPOINT):
        raise UserError(_missing(name, f"{constants.ENDPOINT} is out of reach"))
    return _download(name)


def answers(url: str, wait_s: float = WAIT_S) -> bool:
    """Ask a server once whether it is there; an answer of any kind but a broken server's counts."""
    heard: list[bool] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=wait_s).close()
            heard.append(True)
        except urllib.error.HTTPError as answer:
            heard.append(answer.code < 500)
        except (OSError, ValueError):
            heard.append(False)

    # A thread, because looking a name up knows no time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(wait_s + 0.5)
    return bool(heard) and heard[0]


def _missing(name: str, why: str) -> str:
    return (
        f"--ssl_model {name}: expected a folder or a model of the hub, found no folder {name} here, and {why}: "
        "type a model's folder (-- --ssl_model DIR), or set HF_HOME to a cache that holds it (and HF_HUB_OFFLINE=1)"
    )


def kept(name: str) -> Path | None:
    """The model's folder in the cache when all its files are there."""
    from huggingface_hub import try_to_load_from_cache

    model, revision = split(name)
    found = {file: try_to_load_from_cache(model, file, revision=revision) for file in (CONFIG, PREPROCESSOR, *WEIGHTS)}
    there = [file for file, path in found.items() if isinstance(path, str)]
    if CONFIG in there and PREPROCESSOR in there and any(file in there for file in WEIGHTS):
        return Path(found[CONFIG]).parent
    return None


def _download(name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    model, revision = split(name)
    try:
        folder = Path(hf_hub_download(model, CONFIG, revision=revision)).parent
        # The commit that was found first, should the model change meanwhile.
        hf_hub_download(model, PREPROCESSOR, revision=folder.name)
        try:
            hf_hub_download(model, WEIGHTS[0], revision=folder.name)
        except EntryNotFoundError:
            hf_hub_download(model, WEIGHTS[1], revision=folder.name)
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UserError(_missing(name, "the hub has no such model or revision that you may read")) from None
    except EntryNotFoundError:
        files = f"{CONFIG}, {PREPROCESSOR} and {' or '.join(WEIGHTS)}"
        raise UserError(_missing(name, f"the hub's model lacks some of {files}")) from None
    except Exception as fault:
        # The client's faults of network and disk have no common kind.
        text = (str(fault).strip() or "no reason given").splitlines()[0]
        raise UserError(_missing(name, f"fetching failed ({type(fault).__name__}: {text})")) from None
    return folder
