"""What a run is and was made with: its identity, the paper's numbers for it, and the settings that differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speechbrain_ext.evaluation.targets import Dimensions, Target
from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.json_fields import optional, required

# Protocols that test on speakers who were also trained on.
SPEAKER_DEPENDENT = ("random5",)
MARK = "‡"
MARK_EXPLANATION = f"{MARK}: settings differ from the preset paper; no paper's number is compared with such a row."


@dataclass(frozen=True)
class Difference:
    """A setting that differs from the paper's preset."""

    paper: Any = required(lambda value: value)
    here: Any = required(lambda value: value)


Differences = Mapping[str, Difference]


def difference_phrases(differences: Differences | None) -> list[str]:
    """Write settings that differ from the paper's, one phrase each.

    Example
    -------
    >>> difference_phrases({"epochs": Difference(200, 1)}), difference_phrases(None)
    (['epochs: 200 -> 1'], [])
    """
    return [f"{key}: {_as_yaml(one.paper)} -> {_as_yaml(one.here)}" for key, one in (differences or {}).items()]


def difference_sentence(differences: Differences | None) -> str:
    """Write settings that differ from the paper's as a warning; empty where there are none.

    Example
    -------
    >>> difference_sentence({"lr": Difference(0.1, 0.2)})
    "settings: not the preset paper (key: its value -> this run's value): lr: 0.1 -> 0.2"
    """
    phrases = "; ".join(difference_phrases(differences))
    return f"settings: not the preset paper (key: its value -> this run's value): {phrases}" if phrases else ""


@dataclass(frozen=True)
class Paper:
    """A paper's numbers for a row, as fractions."""

    table: Any = required(lambda value: value)
    row: str = required(parse.text)
    wa: float | None = optional(parse.or_none(parse.number))
    uar: float | None = optional(parse.or_none(parse.number))
    protocol: str | None = optional(parse.or_none(parse.text))

    @property
    def name(self) -> str:
        """The paper's row.

        Example
        -------
        >>> Paper("2", "AMSNet").name, Paper("Figure 6", "Adam 64").name
        ('Table 2, AMSNet', 'Figure 6, Adam 64')
        """
        table = str(self.table)
        return f"Table {table}, {self.row}" if table.isdigit() else f"{table}, {self.row}"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a run is, whatever its seed.

    Arguments
    ---------
    target : Target
        The classes or the dimensions.
    """

    corpus: str = required(parse.name)
    source: str = required(parse.source)
    edition: str = required(parse.edition)
    system: str = required(parse.name)
    row: str = required(parse.name)
    preset: str = required(parse.name)
    protocol: str = required(parse.name)
    dev: str = required(parse.name)
    selection: str = required(parse.name)
    fold_seed: int = required(parse.count)
    manifest_sha256: str | None = required(parse.or_none(parse.text))
    folds_sha256: str | None = required(parse.or_none(parse.text))
    target: Target

    @property
    def has_dimensions(self) -> bool:
        """Whether values of dimensions are recognised in place of classes."""
        return isinstance(self.target, Dimensions)

    @property
    def is_speaker_dependent(self) -> bool:
        """Whether test speakers were trained on."""
        return self.protocol in SPEAKER_DEPENDENT

    @property
    def protocol_name(self) -> str:
        """The protocol, with a remark where it is speaker-dependent."""
        return self.protocol + (" (speaker-dependent)" if self.is_speaker_dependent else "")

    @property
    def run_name(self) -> str:
        """The system, and the row where it is not the default one."""
        return self.system if self.row == "default" else f"{self.system}, {self.row}"

    @property
    def row_name(self) -> str:
        """The row, with the rule of its development set where it has one."""
        return self.row + ("" if self.dev == "none" else f", --dev {self.dev}")

    @property
    def selection_name(self) -> str:
        """The rule of model selection, with a remark where it is optimistic."""
        return self.selection + (" (optimistic)" if self.selection == "test" else "")

    @property
    def corpus_name(self) -> str:
        """The corpus with its edition."""
        if self.source == "mini":
            return f"{self.corpus}, mini corpus: synthetic"
        if self.edition.lower().startswith(self.corpus.lower()):
            return self.edition
        return f"{self.corpus}, {self.edition}"


@dataclass(frozen=True, kw_only=True)
class Facts(Identity):
    """What stage 3 knows of a run but for its scores; scores are compared with `paper` where that is allowed."""

    seed: int = required(parse.count)
    paper: Paper | None = required(parse.or_none(parse.record_of(Paper)))
    parameters: int = required(parse.count)
    commit: str = required(parse.text)
    versions: Mapping[str, str] = required(parse.mapping_of(parse.text))
    device: str = required(parse.text)
    precision: str = required(parse.text)
    hparams_sha256: str | None = required(parse.or_none(parse.text))
    # What earlier results, and those of other tools, may lack.
    differs_from_paper: Differences | None = optional(parse.mapping_of(parse.record_of(Difference)))
    parameters_total: int | None = optional(parse.count)
    folds_of_protocol: int | None = optional(parse.count)
    variant: str | None = optional(parse.text)
    hparams: Mapping[str, Any] | str | None = optional(parse.checked(lambda value: isinstance(value, (dict, str))))
    task: Mapping[str, Any] | None = optional(parse.json_object)
    overrides: tuple[str, ...] | None = optional(parse.texts)
    command: str | None = optional(parse.text)
    warnings: tuple[str, ...] | None = optional(parse.texts)
    label_map: Mapping[str, Any] | None = optional(parse.json_object)
    madd_zero_share: float | None = optional(parse.share)
    made_from: str | None = optional(parse.text)

    @property
    def marked_name(self) -> str:
        """The run's name, with a mark where its settings differ from the paper's preset."""
        return self.marked(self.run_name)

    def marked(self, name: str) -> str:
        """Mark a name where the run's settings differ from the paper's preset."""
        return f"{name} {MARK}" if self.differs_from_paper else name

    @property
    def run_title(self) -> str:
        """What was run, and on what: two lines."""
        return f"{self.run_name}: {self.protocol_name}\n{self.corpus_name}, seed {self.seed}"

    @property
    def parameters_text(self) -> str:
        """How many parameters are trained, and of how many where some are not."""
        total = self.parameters if self.parameters_total is None else self.parameters_total
        return f"{self.parameters:,}" + (f" trained of {total:,}" if total != self.parameters else "")

    @property
    def hparams_text(self) -> str:
        """The hyper-parameters as text; empty where the result carries none."""
        if isinstance(self.hparams, Mapping):
            return json.dumps(self.hparams, indent=2, ensure_ascii=False)
        return self.hparams or ""


def _as_yaml(value: Any) -> str:
    """A value as YAML prints it: a word has no quotes."""
    if isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value)
