"""What a worker does when it is asked, besides analysing: look at a study, withdraw, prove bundles.

Each handler answers one kind of request; that they are asked for and by whom is audited where they
are asked.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from plugin.desk import Desk
from plugin.domain.errors import (
    ConfigurationError,
    ModelError,
    Reason,
)
from plugin.domain.request import RequestKind
from plugin.logs import get_logger
from plugin.registry import Registry
from plugin.registry.bundles import BundleRecord
from plugin.registry.requests import RequestRecord
from plugin.settings import Settings
from plugin.spool import Spool
from worker.bundle import Bundle, find_bundle, load_bundle
from worker.bundle.install import delete_bundle, install_bundle
from worker.models import open_models
from worker.unpack import unpacked
from worker.volume.look import SeenStudy, look_at_study
from worker.withdrawal import withdraw_result

log = get_logger(__name__)

_UID_END_CHARACTERS = 12


def make_desk(
    settings: Settings,
    registry: Registry,
    spool: Spool,
    name: str,
    facts: Callable[[], Mapping[str, Any]],
) -> Desk:
    """Make the desk of a worker."""
    handlers = {
        RequestKind.LOOK_AT_STUDY: partial(_look, registry),
        RequestKind.LOOK_AT_UPLOAD: partial(_look_at_upload, spool),
        RequestKind.WITHDRAW_RESULT: partial(_withdraw, registry, spool),
        RequestKind.VERIFY_BUNDLE: partial(_verify, settings, registry),
        RequestKind.INSTALL_BUNDLE: partial(_install, settings, registry, spool),
        RequestKind.REMOVE_BUNDLE: partial(_remove, settings, registry, spool),
    }
    return Desk(registry, name, "worker", handlers, facts)


def note_bundle(registry: Registry, bundle: Bundle, by: str) -> None:
    """Let pages know of a bundle that was opened and gave its golden answer."""
    manifest = bundle.manifest
    facts = manifest.model_dump(
        mode="json",
        include={"licence", "intended_use", "known_limits", "training_data", "evaluation"},
    )
    registry.bundles.verified(
        bundle.digest, bundle.name, bundle.version, str(bundle.folder), facts, by
    )


def remove_bundle(
    settings: Settings, registry: Registry, spool: Spool, bundle_id: int, by: str
) -> BundleRecord:
    """Forget a bundle and delete its files, if they were installed here.

    Raises
    ------
    ConfigurationError
        ``NOT_FOUND``; ``BUNDLE_IN_USE``: in force, to be rolled back to, or that of the settings.
    """
    known = registry.bundles.get(bundle_id)
    if known is not None and Path(known.folder) == _folder_of_settings(settings):
        raise ConfigurationError(Reason.BUNDLE_IN_USE, f"{known.name} {known.version}")
    removed = registry.bundles.remove(bundle_id, by)
    delete_bundle(Path(removed.folder), spool.bundles)
    log.info("bundle_removed", bundle=f"{removed.name} {removed.version}")
    return removed


def _folder_of_settings(settings: Settings) -> Path | None:
    try:
        return find_bundle(settings.worker.bundle)
    except ConfigurationError:
        return None


def _look(registry: Registry, request: RequestRecord) -> Mapping[str, Any]:
    """Say what an analysis would make of a study; no text of its headers is in the answer."""
    study_id = int(request.asked["study_id"])
    if registry.studies.by_id(study_id) is None:
        raise ConfigurationError(Reason.NOT_FOUND, "study")
    instances = registry.studies.current_instances(study_id)
    paths = [Path(item.path) for item in instances if not item.deleted]
    if len(paths) < len(instances) or not all(path.exists() for path in paths):
        raise ConfigurationError(Reason.IMAGES_DELETED)
    return _seen(look_at_study(paths))


def _look_at_upload(spool: Spool, request: RequestRecord) -> Mapping[str, Any]:
    """Say what an analysis would make of uploaded images; they are here only meanwhile."""
    with _uploaded(spool, request) as archive, unpacked(archive, spool.bundles) as folder:
        return _seen(look_at_study(path for path in folder.rglob("*") if path.is_file()))


def _seen(seen: SeenStudy) -> Mapping[str, Any]:
    error, plan = seen.why_not, seen.plan
    return {
        "series": [
            {
                "role": one.role.value,
                "reason": one.reason,
                "n_instances": one.n_instances,
                "uid_end": one.series_instance_uid[-_UID_END_CHARACTERS:],
            }
            for one in seen.series
        ],
        "is_analysable": plan is not None,
        "reason": None if error is None else error.reason.value,
        "sentence": "" if error is None else error.sentence,
        "n_slices": plan.n_slices if plan else None,
        "n_phases": plan.n_phases if plan else None,
        "notes": [note.sentence for note in plan.notes] if plan else [],
    }


def _withdraw(registry: Registry, spool: Spool, request: RequestRecord) -> Mapping[str, Any]:
    why = str(request.asked["why"]).strip()
    if not why:
        raise ConfigurationError(Reason.SETTING_INVALID, "a reason is needed")
    study_id, actor = int(request.asked["study_id"]), request.asked_by
    job, n_told = withdraw_result(registry, spool, study_id, why, actor, version("cmr-triage"))
    return {"generation": job.generation, "n_told": n_told}


def _verify(settings: Settings, registry: Registry, request: RequestRecord) -> Mapping[str, Any]:
    """Hash every file of a known bundle, and run it on its golden input."""
    known = registry.bundles.get(int(request.asked["bundle_id"]))
    if known is None:
        raise ConfigurationError(Reason.NOT_FOUND, "bundle")
    try:
        bundle = load_bundle(known.folder)
        if bundle.digest != known.digest:
            raise ModelError(Reason.BUNDLE_TAMPERED, "manifest.json differs")  # noqa: TRY301
        open_models(settings.worker, known.folder)
    except (ConfigurationError, ModelError) as error:
        registry.bundles.broken(known.id, error.sentence)
        raise
    note_bundle(registry, bundle, request.asked_by)
    return _described(bundle)


def _install(
    settings: Settings, registry: Registry, spool: Spool, request: RequestRecord
) -> Mapping[str, Any]:
    """Unpack an uploaded archive, verify it, keep it; the archive goes in any case."""
    with _uploaded(spool, request) as archive:
        bundle = install_bundle(
            archive, spool.bundles, lambda folder: open_models(settings.worker, str(folder))
        )
    note_bundle(registry, bundle, request.asked_by)
    log.info("bundle_installed", bundle=f"{bundle.name} {bundle.version}")
    return _described(bundle)


def _remove(
    settings: Settings, registry: Registry, spool: Spool, request: RequestRecord
) -> Mapping[str, Any]:
    bundle_id = int(request.asked["bundle_id"])
    return _described(remove_bundle(settings, registry, spool, bundle_id, request.asked_by))


@contextlib.contextmanager
def _uploaded(spool: Spool, request: RequestRecord) -> Iterator[Path]:
    """Give an upload and delete it afterwards, whatever came of it."""
    archive = spool.upload(str(request.asked["upload"]))
    try:
        if not archive.is_file():
            raise ConfigurationError(Reason.NOT_FOUND, "the upload")
        yield archive
    finally:
        archive.unlink(missing_ok=True)


def _described(bundle: Bundle | BundleRecord) -> Mapping[str, Any]:
    return {"name": bundle.name, "version": bundle.version, "digest": bundle.digest}
