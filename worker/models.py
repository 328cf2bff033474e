"""Opening the models of a bundle: the tower, and language model and recognition where wanted.

Opening holds every graph to its golden run, so what is open is what the bundle's makers measured.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from plugin.domain.errors import Reason, TriageError
from plugin.logs import get_logger
from plugin.settings import WorkerSettings
from worker.bundle import Bundle, load_bundle
from worker.findings.language import load_language
from worker.model.language.categories import read_categories
from worker.model.language.recognition import StudyRecogniser, open_recogniser
from worker.model.language.writer import LanguageWriter, open_writer
from worker.model.tower import SegmentationTower

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Models:
    """What one bundle gives a worker."""

    tower: SegmentationTower
    writer: LanguageWriter | None
    recogniser: StudyRecogniser | None = None


def open_models(settings: WorkerSettings, folder: str = "") -> Models:
    """Load the tower of a bundle, and what else of it the settings want and it has.

    Parameters
    ----------
    folder
        Of the bundle; empty: the one that the settings name.

    Raises
    ------
    ConfigurationError, ModelError
        The bundle is missing, tampered with or unusable, or the runtime or device is not there;
        the file of categories has a mistake, or there is no such report language.
    """
    load_language(settings.report_language)
    bundle = load_bundle(folder or settings.bundle or None)
    tower = SegmentationTower(bundle, device=settings.device, threads=settings.threads)
    machine = settings.device, settings.threads
    writer = open_writer(bundle, *machine) if settings.language_model else None
    return Models(tower, writer, _recogniser(settings, bundle) if settings.recognition else None)


def _recogniser(settings: WorkerSettings, bundle: Bundle) -> StudyRecogniser | None:
    categories = read_categories(Path(settings.categories) if settings.categories else None)
    found = open_recogniser(bundle, categories, settings.device, settings.threads)
    if found is None:
        log.warning("recognition_not_in_bundle", bundle=f"{bundle.name} {bundle.version}")
    return found


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
