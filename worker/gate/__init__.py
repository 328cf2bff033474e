"""Whether a study is one that the network can measure, asked in layers; see `gate`."""

from worker.gate.gate import examine_contours, examine_pictures, notes
from worker.gate.verdict import Check, Layer, Verdict

__all__ = [
    "Check",
    "Layer",
    "Verdict",
    "examine_contours",
    "examine_pictures",
    "notes",
]
