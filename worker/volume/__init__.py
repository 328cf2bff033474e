"""From instances to one stack ``[phase, slice, row, column]`` with patient geometry."""

from worker.volume.load import LoadedStudy, load_study
from worker.volume.types import CineStack, FrameReference, PatientContext, StackNote

__all__ = [
    "CineStack",
    "FrameReference",
    "LoadedStudy",
    "PatientContext",
    "StackNote",
    "load_study",
]
