"""Strict HyperPyYAML: a misspelt key is an error, also in what a recipe changes of a system.

A recipe's `corpus.yaml` names the corpus, its `hparams/<system>.yaml` what a paper changes for this corpus, and
`shared/systems/<system>.yaml` holds the system. Every key is looked up, its value checked against its declared type,
and every tag against the code that may run, before anything is built. The YAML's own references show what a phase
depends on.
"""

from __future__ import annotations

from speechbrain_ext.hparams.loading import PAPER, load_system
from speechbrain_ext.hparams.overrides import parse_overrides
from speechbrain_ext.hparams.recipe_files import list_systems
from speechbrain_ext.hparams.system import NEUTRAL, Hparams

__all__ = ["NEUTRAL", "PAPER", "Hparams", "list_systems", "load_system", "parse_overrides"]
