"""What was measured of the patients of the cross-validation, and the file that keeps it.

Plain data, so that the classifier and its figures need no network library.
"""

from dataclasses import dataclass
from pathlib import Path

from worker.training.rows import read_rows

HEARTS_FILE = "hearts.jsonl"


@dataclass(frozen=True, slots=True)
class MeasuredHeart:
    """One patient: features by the tower and by the experts' masks (empty where not all exist).

    ``tower`` and ``digest`` (of its bundle; rows of older versions have none) are empty while the
    fold has none. ``true_lvef`` and ``lvef`` in percent; ``lvef`` is None where no tower found the
    heart.
    """

    patient: str
    group: str
    fold: int
    tower: str
    features: dict[str, float]
    expert_features: dict[str, float]
    true_lvef: float
    lvef: float | None
    digest: str = ""


def read_hearts(path: Path) -> list[MeasuredHeart]:
    """Read what was measured so far, of each patient the last; nothing while there is no file."""
    hearts = [MeasuredHeart(**row) for row in read_rows(path)]
    return list({heart.patient: heart for heart in hearts}.values())
