"""A node on a free port with a real spool and registry, and senders to talk to it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import generate_uid

from dicom_node.server import Node
from plugin.domain.objects import SOP_CLASSES_OF_KIND
from plugin.registry import IndexedInstance, PublishedResult, Registry, ResultObject
from plugin.registry.engine import utc_now
from plugin.settings import Settings, TlsSettings
from plugin.spool import Spool
from tests.dicom_node.images import mr_image, save
from tests.dicom_node.tls_pairs import Trust, make_trust
from tests.programs import find_program


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(
        operation={"mode": "live"},
        node={"host": "127.0.0.1", "port": 0, "idle_timeout_seconds": 20},
        spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0},
        assembly={"archive_quiet_seconds": 1, "tick_seconds": 0.1},
        delivery={
            "poll_seconds": 0.05,
            "first_retry_seconds": 0.1,
            "connection_timeout_seconds": 2,
        },
    )


@pytest.fixture
def spool(settings) -> Spool:
    return Spool(settings.spool.folder)


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory) -> Path:
    """Make a migrated registry once; migrating for every test would take most of their time."""
    path = tmp_path_factory.mktemp("registry") / "registry.sqlite"
    with Registry(f"sqlite:///{path}") as registry:
        registry.migrate()
        registry.peers.add("ARCHIVE")
    return path


@pytest.fixture
def registry(settings, spool, empty_registry) -> Iterator[Registry]:
    shutil.copy(empty_registry, settings.spool.folder / "registry.sqlite")
    with Registry(settings.registry_url) as registry:
        yield registry


@pytest.fixture
def node(settings, spool, registry) -> Iterator[Node]:
    node = Node(settings, spool, registry)
    node.start()
    yield node
    node.stop(drain_seconds=5)


@pytest.fixture
def program() -> Callable[[str], str]:
    """Return the path of a system program, skip without it (fail in CI)."""
    return find_program


@pytest.fixture
def samples() -> Path:
    folder = os.environ.get("CMR_TRIAGE_DICOM_SAMPLES_DIR")
    if not folder:
        pytest.skip("CMR_TRIAGE_DICOM_SAMPLES_DIR is not set")
    return Path(folder)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def publish(registry, tmp_path) -> Callable[..., str]:
    """Publish a result with an object of each kind (a report unless told); return its job id."""

    def make(*kinds: str) -> str:
        study = generate_uid()
        registry.studies.add_instance(
            IndexedInstance(
                study, "1.2", generate_uid(), "1.2", "1.2", "MR", "/x", "0" * 64, 1, utc_now(), "A"
            )
        )
        job = registry.studies.mark_complete(registry.studies.get(study).id)
        job = registry.jobs.claim(job.id, "test", 60)
        objects = []
        for kind in kinds or ("sr",):
            image = mr_image(study, SOPClassUID=SOP_CLASSES_OF_KIND[kind])
            path = save(image, tmp_path / f"{job.id}-{kind}.dcm")
            objects.append(
                ResultObject(
                    kind,
                    SOP_CLASSES_OF_KIND[kind],
                    str(image.SOPInstanceUID),
                    str(image.SeriesInstanceUID),
                    str(path),
                    "0" * 64,
                    path.stat().st_size,
                )
            )
        registry.jobs.publish(job.id, job.fence, PublishedResult(tuple(objects), job.id, {}))
        return job.id

    return make


@pytest.fixture(scope="session")
def trust(tmp_path_factory) -> Trust:
    return make_trust(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls_settings(settings, trust) -> Settings:
    """Return settings of a node that listens with TLS beside the plain port."""
    tls = {
        "port": 0,
        "certificate": trust.node.certificate,
        "private_key": trust.node.private_key,
        "ca_file": trust.ca_file,
    }
    return settings.model_copy(update={"tls": TlsSettings(**tls)})


@pytest.fixture
def tls_node(tls_settings, spool, registry) -> Iterator[Node]:
    node = Node(tls_settings, spool, registry)
    node.start()
    yield node
    node.stop(drain_seconds=5)
