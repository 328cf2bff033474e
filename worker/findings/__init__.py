"""Contours to measurements, statements, plausibility and the first priority.

``assess`` is the entry; ``contours`` and ``segment_map`` serve whoever draws the result.
"""

from worker.findings.assess import assess
from worker.findings.contours import SliceContours, contours, slice_contours
from worker.findings.orientation import Orientation, find_orientation
from worker.findings.pattern import load_pattern_table
from worker.findings.reread import reread
from worker.findings.segments import segment_map
from worker.findings.uncertainty import errors_of
from worker.findings.volumes import DiscVolumes, disc_volumes_ml

__all__ = [
    "DiscVolumes",
    "Orientation",
    "SliceContours",
    "assess",
    "contours",
    "disc_volumes_ml",
    "errors_of",
    "find_orientation",
    "load_pattern_table",
    "reread",
    "segment_map",
    "slice_contours",
]
