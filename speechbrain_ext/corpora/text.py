"""Text of label files, whatever wrote them."""

from __future__ import annotations


def decode(content: bytes) -> str:
    """Give the text of a label file: UTF-8 with or without a mark, or Latin-1 for old free comments.

    Example
    -------
    >>> decode(b"\\xef\\xbb\\xbf% x") == decode(b"% x")
    True
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
