"""The stages of an analysis: their names, how far one is, and how long each took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]
"""Called with a stage's name and how much of it is done (0 to 1)."""

STAGES = ("load", "segment", "measure", "report")
EXPLAIN_STAGE = "explain"
"""Only when occlusion is asked for."""
LANGUAGE_STAGE = "language"
"""Only with a language model."""
RECOGNISE_STAGE = "recognise"
"""Only when recognition is asked for."""
VIEWS_STAGE = "views"
"""Only where images are read by a bundle that has learnt further views."""


class Stopwatch:
    """Wall time per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, on_progress: Progress) -> Iterator[None]:
        """Time a stage and tell its beginning and end."""
        on_progress(name, 0.0)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - started, 3)
        on_progress(name, 1.0)


def silent(_stage: str, _fraction: float) -> None:
    """Tell nobody."""
