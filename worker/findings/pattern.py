"""Which group of a collective of patients a heart's measured pattern resembles, and how surely.

Reads a table of a bundle (``tables/pattern.json``): a linear classifier over ``pattern_features``,
its temperature and its conformal threshold, all from patients that neither the classifier nor the
tower had seen. Knows no sentence and no priority: the answer never changes either a number or the
priority. Without a table there is no answer, and without every input the answer says what is
missing.

References
----------
Guo C et al., ICML 2017 (temperature scaling). Sadinle M et al., J Am Stat Assoc 2019;114:223-234
(sets of labels by a threshold on the probability, split-conformal).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plugin.domain.errors import ModelError, Reason
from plugin.domain.findings import PatternEstimate
from worker.bundle import Bundle
from worker.findings.pattern_features import FEATURES, SIGNED
from worker.findings.volumes import Float64Array
from worker.volume.types import StackNote

TABLE_FILE = "tables/pattern.json"
GROUPS = (
    "normal",
    "dilated_cardiomyopathy",
    "hypertrophic_cardiomyopathy",
    "infarction",
    "abnormal_right_ventricle",
)
"""Groups that this software has words and codes for."""
WITHOUT_TABLE = StackNote(
    "pattern_without_table",
    "Which group of patients the pattern resembles is not available in this model bundle.",
)
"""What a reader is told in place of an answer when the bundle has no table."""

_CONFIDENCE_PERCENT = (1, 99)
_SMALLEST = 1e-3


class PatternTable(BaseModel):
    """The table of a bundle.

    Attributes
    ----------
    mean, scale
        Of each feature (its logarithm, but for ``SIGNED``) over the patients of the table.
    low, high
        Standardised values between which the features of the patients lay, with a margin; a heart
        beyond is none that the table knows.
    weights, bias
        ``[feature][group]`` and ``[group]``.
    temperature
        By which the scores are divided.
    least_probability
        A group belongs to the conformal set when its probability is at least this.
    coverage
        Share of hearts whose set holds their group, as the threshold was chosen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    schema_version: Literal[1]
    groups: tuple[str, ...] = Field(min_length=2)
    features: tuple[str, ...] = Field(min_length=1)
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    temperature: float = Field(gt=0)
    least_probability: float = Field(ge=0, le=1)
    coverage: float = Field(gt=0, lt=1)
    n_patients: int = Field(gt=0)
    patients: str
    command: str

    @model_validator(mode="after")
    def _fits(self) -> "PatternTable":
        n, k = len(self.features), len(self.groups)
        by_feature = (self.mean, self.scale, self.low, self.high, self.weights)
        sizes = {len(one) for one in by_feature} | {n}
        rows = {len(row) for row in self.weights} | {len(self.bias), k}
        if len(sizes) != 1 or len(rows) != 1:
            msg = "sizes do not agree"
            raise ValueError(msg)
        if set(self.groups) - set(GROUPS) or set(self.features) - set(FEATURES):
            msg = "unknown group or feature"
            raise ValueError(msg)
        if min(self.scale) <= 0.0:
            msg = "scale must be positive"
            raise ValueError(msg)
        return self


def load_pattern_table(bundle: Bundle) -> PatternTable | None:
    """Return the table of a bundle, or None where it has none.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: the table is not what it must be.
    """
    listed = any(entry.path == TABLE_FILE for entry in bundle.manifest.files)
    return read_pattern_table(bundle.folder / TABLE_FILE) if listed else None


def read_pattern_table(path: Path) -> PatternTable:
    """Read a table.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID``: the table is not what it must be.
    """
    try:
        return PatternTable.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        wrong = ".".join(str(part) for part in problem["loc"]) or problem["msg"]
        raise ModelError(Reason.BUNDLE_INVALID, f"{path.name}: {wrong}") from None


def feature_vector(features: Mapping[str, float], names: tuple[str, ...]) -> Float64Array:
    """Return features in order, sizes and ratios as logarithms, ``[feature]``."""
    return np.array(
        [
            features[name] if name in SIGNED else np.log(max(features[name], _SMALLEST))
            for name in names
        ]
    )


def probabilities(scores: Float64Array, temperature: float = 1.0) -> Float64Array:
    """Softmax over the last axis."""
    raised = np.exp((scores - scores.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float64)


def estimate_pattern(table: PatternTable, features: Mapping[str, float]) -> PatternEstimate:
    """Say which group the features resemble.

    Parameters
    ----------
    features
        All of ``pattern_features``.

    Returns
    -------
    PatternEstimate
        With no candidate when the heart lies beyond those of the table, or resembles none enough.
    """
    values = feature_vector(features, table.features)
    standard = (values - np.array(table.mean)) / np.array(table.scale)
    beyond = bool(np.any((standard < table.low) | (standard > table.high)))
    scores = standard @ np.array(table.weights) + np.array(table.bias)
    shares = probabilities(scores, table.temperature)
    order = np.argsort(-shares)
    held = [table.groups[k] for k in order if shares[k] >= table.least_probability]
    candidates = () if beyond else tuple(held)
    low, high = _CONFIDENCE_PERCENT
    percent = min(max(round(100.0 * float(shares.max())), low), high)
    return PatternEstimate(
        candidates=candidates,
        confidence_percent=percent if len(candidates) == 1 else None,
        n_patients=table.n_patients,
        sentence="",
    )
