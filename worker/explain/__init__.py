"""What a measured value rests on: which slices, AHA segments and phases, and what hiding them does.

``explain`` is exact and needs no network; ``occlude`` runs the vision tower again.
"""

from worker.explain.occlusion import occlude
from worker.explain.parts import explain
from worker.explain.types import Explanation, Hidden, Occlusion, Part, PartKind

__all__ = ["Explanation", "Hidden", "Occlusion", "Part", "PartKind", "explain", "occlude"]
