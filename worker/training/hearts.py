"""What was measured of the patients of the cross-validation, and the file that keeps it.

Plain data, so that the classifier and its figures need no network library.
"""

import json
from dataclasses import dataclass
from pathlib import Path

HEARTS_FILE = "hearts.jsonl"


@dataclass(frozen=True, slots=True)
class MeasuredHeart:
    """One patient: features by the tower and by the experts' masks (empty where not all exist).

    ``tower`` is empty while the fold has none. ``true_lvef`` and ``lvef`` in percent; ``lvef`` is
    None where no tower found the heart.
    """

    patient: str
    group: str
    fold: int
    tower: str
    features: dict[str, float]
    expert_features: dict[str, float]
    true_lvef: float
    lvef: float | None


def read_hearts(path: Path) -> list[MeasuredHeart]:
    """Read what was measured so far, of each patient the last; nothing while there is no file."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines()
    hearts = [MeasuredHeart(**json.loads(line)) for line in lines]
    return list({heart.patient: heart for heart in hearts}.values())
