"""Tables for the tests of what a pattern resembles."""

from worker.findings.pattern import GROUPS, PatternTable
from worker.findings.pattern_features import FEATURES


def table(**changes) -> PatternTable:
    """Table by which a heart with an ejection fraction above 50 % is like the normal group."""
    n, k = len(FEATURES), len(GROUPS)
    weights = [[0.0] * k for _ in range(n)]
    weights[list(FEATURES).index("lv_ejection_fraction")] = [1.0, -1.0, *[-50.0] * (k - 2)]
    values = {
        "schema_version": 1,
        "groups": GROUPS,
        "features": tuple(FEATURES),
        "mean": [50.0 if "ejection" in name else 0.0 for name in FEATURES],
        "scale": [5.0] * n,
        "low": [-100.0] * n,
        "high": [100.0] * n,
        "weights": weights,
        "bias": [0.0, 0.0, -1e3, -1e3, -1e3],
        "temperature": 1.0,
        "least_probability": 0.8,
        "coverage": 0.9,
        "n_patients": 87,
        "patients": "made up",
        "command": "none",
    }
    return PatternTable.model_validate({**values, **changes})


def undecided() -> PatternTable:
    """Table by which every heart is like two groups."""
    n, k = len(FEATURES), len(GROUPS)
    bias = [0.0, 0.0, -1e3, -1e3, -1e3]
    return table(weights=[[0.0] * k] * n, bias=bias, least_probability=0.3)
