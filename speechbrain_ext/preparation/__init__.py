"""Stage 0: from a corpus's folder to a measured manifest and audited folds, made once."""

from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import MADE_BY, MINI_MARKER, Prepared, Request, Split

__all__ = ["MADE_BY", "MINI_MARKER", "Prepared", "Request", "Split", "prepare"]
