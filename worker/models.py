"""Opening the models of a bundle: the tower, and the language model where it is wanted.

Opening holds every graph to its golden run, so what is open is what the bundle's makers measured.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from plugin.domain.errors import Reason, TriageError
from plugin.settings import WorkerSettings
from worker.bundle import load_bundle
from worker.model.language.writer import LanguageWriter, open_writer
from worker.model.tower import SegmentationTower


@dataclass(frozen=True, slots=True)
class Models:
    """What one bundle gives a worker."""

    tower: SegmentationTower
    writer: LanguageWriter | None


def open_models(settings: WorkerSettings, folder: str = "") -> Models:
    """Load the tower of a bundle, and its language model where it is wanted.

    Parameters
    ----------
    folder
        Of the bundle; empty: the one that the settings name.

    Raises
    ------
    ConfigurationError, ModelError
        The bundle is missing, tampered with or unusable, or the runtime or device is not there.
    """
    bundle = load_bundle(folder or settings.bundle or None)
    tower = SegmentationTower(bundle, device=settings.device, threads=settings.threads)
    if not settings.language_model:
        return Models(tower, None)
    return Models(tower, open_writer(bundle, settings.device, settings.threads))


def check_model(settings: WorkerSettings) -> None:
    """Try the models in a process of its own: the parent of forks must not hold a session.

    Raises
    ------
    ConfigurationError, ModelError
        As ``open_models``.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as trial:
        failure = trial.submit(_failure_of_model, settings).result()
    if failure is not None:
        kind, reason, detail = failure
        raise kind(reason, detail)


def _failure_of_model(settings: WorkerSettings) -> tuple[type[TriageError], Reason, str] | None:
    try:
        open_models(settings)
    except TriageError as error:
        return type(error), error.reason, error.detail
    return None
