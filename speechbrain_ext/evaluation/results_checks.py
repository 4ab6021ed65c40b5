"""What results.json and summary.json may hold, checked where they are read: a seal says who wrote, not what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from speechbrain_ext.corpora.utterance_fields import is_number
from speechbrain_ext.utils.folders import is_name

Check = Callable[[Any], bool]
NAMES = ("corpus", "system", "row", "preset", "protocol", "dev", "selection")
LONGEST_EDITION = 1000


def fault_of_results(results: Mapping[str, Any]) -> str:
    """Say what in a result or in a summary is not what stage 3 writes.

    Arguments
    ---------
    results : mapping
        The content of results.json, of a kept result or of summary.json.

    Returns
    -------
    str
        Key, what was found and what was expected; "" where all is right.
    """
    is_summary = "seeds" in results
    known = dict.fromkeys(NAMES, is_name) | {"edition": _is_edition, "source": lambda value: value in ("real", "mini")}
    known |= {"fold_seed": _is_count}
    targets = "dimensions" if "dimensions" in results else "classes"
    known[targets] = lambda value: _is_texts(value) and len(set(value)) == len(value) > 0
    if is_summary:
        known["seeds"] = lambda value: isinstance(value, list) and all(map(_is_count, value)) and bool(value)
    else:
        known |= {"seed": _is_count, "folds": lambda value: isinstance(value, list) and bool(value)}
    known |= {"pooled": _is_object, "mean": _is_object}
    for key, is_right in known.items():
        if not is_right(results.get(key)):
            return _told(key, results)
    for key, is_right in (OPTIONAL if is_summary else OPTIONAL | MADE_WITH).items():
        if key in results and not is_right(results[key]) or key in MADE_WITH and not is_summary and key not in results:
            return _told(key, results)
    scores = _fault_of_spreads if is_summary else _fault_of_scores
    return scores(results, results[targets], targets == "dimensions")


def _is_edition(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_EDITION and value.isprintable()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _is_interval(value: Any) -> bool:
    return value is None or isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


def _or_none(is_right: Check) -> Check:
    return lambda value: value is None or is_right(value)


def _objects(is_right: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(is_right, value.values()))


def _is_paper(value: Any) -> bool:
    return isinstance(value, dict) and all(key in value for key in ("table", "row"))


def _is_difference(value: Any) -> bool:
    return isinstance(value, dict) and {"paper", "here"} <= value.keys()


MADE_WITH: dict[str, Check] = {
    "paper": _or_none(_is_paper),
    "parameters": _is_count,
    "commit": _is_text,
    "versions": _is_object,
    "device": _is_text,
    "precision": _is_text,
    **dict.fromkeys(("hparams_sha256", "manifest_sha256", "folds_sha256"), _or_none(_is_text)),
}
OPTIONAL: dict[str, Check] = {
    "files": _objects(_is_text),
    "hparams": lambda value: isinstance(value, (dict, str)),
    "task": _is_object,
    "overrides": _is_texts,
    "command": _is_text,
    "variant": _is_text,
    "warnings": _is_texts,
    "differs_from_paper": _objects(_is_difference),
    **dict.fromkeys(("parameters_total", "folds_of_protocol"), _is_count),
}
SHARES: dict[str, Check] = dict.fromkeys(("wa", "uar", "macro_f1"), _is_share)
COUNTS: dict[str, Check] = dict.fromkeys(("n_train", "n_dev", "n_test", "epochs"), _is_count)


def _fault_of_scores(results: Mapping[str, Any], targets: list[str], is_of_values: bool) -> str:
    of_fold = {**COUNTS, "name": _is_text, "train_seconds": is_number, "speakers_test": _is_texts}
    if is_of_values:
        values: Check = lambda value: isinstance(value, dict) and value.keys() == set(targets)  # noqa: E731
        pooled = {"n": _is_count, "ccc": values, "ccc_ci95": values, "ccc_mean": is_number}
        mean: dict[str, Check] = {"ccc": values, "ccc_mean": is_number}
    else:

        def is_confusion(value: Any) -> bool:
            rows = value if isinstance(value, list) and len(value) == len(targets) else [None]
            return all(isinstance(row, list) and len(row) == len(targets) and all(map(_is_count, row)) for row in rows)

        matrix = {"confusion": is_confusion}
        intervals = {"wa_ci95": _is_interval, "uar_ci95": _is_interval}
        pooled = {"n": _is_count, **SHARES, **intervals, "ece": _is_share, **matrix}
        mean = {"wa": _is_share, "uar": _is_share, "wa_std": _or_none(is_number), "uar_std": _or_none(is_number)}
        of_fold |= {**SHARES, **matrix}
    for part, known in (("pooled", pooled), ("mean", mean)):
        for key, is_right in known.items():
            if not is_right(results[part].get(key)):
                return _told(key, results[part], f"{part} ")
    for fold in results["folds"]:
        if not isinstance(fold, dict):
            return "folds: expected objects, found another kind"
        for key, is_right in of_fold.items():
            if not is_right(fold.get(key)):
                return _told(key, fold, "a fold's ")
    return ""


def _fault_of_spreads(results: Mapping[str, Any], targets: list[str], is_of_values: bool) -> str:
    for part in ("pooled", "mean"):
        wanted = ("ccc_mean",) if is_of_values else ("wa", "uar")
        for key in wanted:
            spread = results[part].get(key)
            if not isinstance(spread, dict) or not is_number(spread.get("mean")) or "std" not in spread:
                return _told(key, results[part], f"{part} ")
    return ""


def _told(key: str, record: Mapping[str, Any], where: str = "") -> str:
    found = repr(record[key])[:80] if key in record else "none"
    return f"{where}{key}: expected what stage 3 writes, found {found}"
