"""Fields of a record, each checked where it is read from JSON: a seal says who wrote a file, not what is in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from typing import Any, TypeVar

from speechbrain_ext.utils.folders import is_name
from speechbrain_ext.utils.json_values import JsonObject, JsonValue

Parse = Callable[[Any], Any]
T = TypeVar("T")
LONGEST_EDITION = 1000


class UnexpectedField(ValueError):
    """A field that is missing, or is not what stage 3 writes; the text names it."""


def required(parse: Parse) -> Any:
    """A dataclass field that JSON must have, with what parses it."""
    return field(metadata={"parse": parse})


def optional(parse: Parse) -> Any:
    """A dataclass field that is None where JSON lacks it, and is then not written."""
    return field(default=None, metadata={"parse": parse})


def read_record(kind: type[T], record: Any, **others: Any) -> T:
    """Read a dataclass from a JSON object; other keys of the object are left aside.

    Arguments
    ---------
    kind : type
        A dataclass with fields made by `required` and `optional`, which are parsed.
    record : any
        The JSON object.
    **others
        The dataclass's further fields.

    Raises
    ------
    UnexpectedField
        It is no object, or a field is missing or not what stage 3 writes.
    """
    if not isinstance(record, Mapping):
        raise UnexpectedField(f"expected an object, found {repr(record)[:80]}")
    dataclass: Any = kind
    for one in fields(dataclass):
        if "parse" not in one.metadata or (one.name not in record and one.default is not MISSING):
            continue
        others[one.name] = parse_field(record, one.name, one.metadata["parse"])
    return kind(**others)


def parse_field(record: Mapping[str, JsonValue], key: str, parse: Callable[[Any], T]) -> T:
    """Parse one value of a JSON object; errors are those of `read_record`."""
    if key not in record:
        raise UnexpectedField(f"{key}: expected what stage 3 writes, found none")
    try:
        return parse(record[key])
    except UnexpectedField as fault:
        raise UnexpectedField(f"{key} {fault}") from None
    except (ValueError, TypeError):
        raise UnexpectedField(f"{key}: expected what stage 3 writes, found {repr(record[key])[:80]}") from None


def write_fields(record: Any, kind: type) -> JsonObject:
    """Give the fields of a dataclass that `read_record` reads as JSON; optional ones only where they are set."""
    parsed = (one for one in fields(kind) if "parse" in one.metadata)
    values = ((one, getattr(record, one.name)) for one in parsed)
    return {one.name: plain(value) for one, value in values if value is not None or one.default is MISSING}


def plain(value: Any) -> Any:
    """A value as JSON holds it: tuples as lists, records as objects."""
    if is_dataclass(value):
        return write_fields(value, type(value))
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (tuple, list)) else value


def record_of(kind: type[T]) -> Callable[[Any], T]:
    """A parser of a nested record."""
    return lambda value: read_record(kind, value)


def checked(is_right: Callable[[Any], bool]) -> Parse:
    """A parser that gives a value back as it is, where it is right."""

    def parse(value: Any) -> Any:
        if not is_right(value):
            raise ValueError(value)
        return value

    return parse


def or_none(parse: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """A parser that takes null too."""
    return lambda value: None if value is None else parse(value)


def list_of(parse: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A parser of a list."""
    return lambda value: tuple(parse(one) for one in checked(lambda found: isinstance(found, list))(value))


def mapping_of(parse: Callable[[Any], T]) -> Callable[[Any], dict[str, T]]:
    """A parser of an object whose values are of one kind."""
    return lambda value: {key: parse(one) for key, one in json_object(value).items()}


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, of a size that a float holds."""
    return type(value) is int and abs(value) < 2**63 or type(value) is float and math.isfinite(value)


text = checked(lambda value: isinstance(value, str))
name = checked(is_name)
edition = checked(lambda value: isinstance(value, str) and 0 < len(value) <= LONGEST_EDITION and value.isprintable())
source = checked(lambda value: value in ("real", "mini"))
count = checked(lambda value: type(value) is int and 0 <= value < 2**63)
number = checked(is_number)
positive = checked(lambda value: is_number(value) and value > 0)
share = checked(lambda value: is_number(value) and 0 <= value <= 1)
flag = checked(lambda value: type(value) is bool)
json_object = checked(lambda value: isinstance(value, dict))
texts = list_of(text)


def names(value: Any) -> tuple[str, ...]:
    """Parse a list of texts, none empty and none twice."""
    found = texts(value)
    if not found or len(set(found)) < len(found):
        raise ValueError(value)
    return found


def interval(value: Any) -> tuple[float, float]:
    """Parse the two ends of an interval."""
    low, high = list_of(number)(value)
    return low, high
