"""Result objects: Structured Report and Secondary Capture images."""

from worker.report.build import build_results
from worker.report.identity import AnalysisIdentity, EarlierReport, PredecessorReport, ResultFile

__all__ = [
    "AnalysisIdentity",
    "EarlierReport",
    "PredecessorReport",
    "ResultFile",
    "build_results",
]
