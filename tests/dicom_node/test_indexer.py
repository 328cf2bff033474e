"""From a file in ``incoming`` to a row, however broken the file and wherever a crash falls."""

import errno
import time

import pytest
from pydicom.uid import generate_uid

from dicom_node import indexer as indexer_module
from dicom_node.indexer import Indexer, dataset_digest, received_at
from plugin.domain.errors import Reason, TransientError
from plugin.domain.identifiers import MANUFACTURER, MODEL_NAME
from plugin.domain.job import JobState
from plugin.domain.person import Moment, Person
from plugin.domain.study import StudyState
from plugin.registry import PublishedResult, ResultObject
from tests.dicom_node.images import encoded, mr_image
from tests.dicom_node.test_headers import stored

SR = "1.2.840.10008.5.1.4.1.1.88.34"


@pytest.fixture
def indexer(spool, registry):
    return Indexer(spool, registry)


@pytest.fixture
def incoming(spool):
    """Put datasets into ``incoming`` as the node does."""
    numbers = iter(range(10_000))

    def put(*datasets):
        paths = []
        for dataset in datasets:
            number = next(numbers)
            name = f"{1_700_000_000_000_000_000 + number:020d}-{'ab' * 16}-{number:06d}.dcm"
            data = dataset if isinstance(dataset, bytes) else encoded(dataset)
            paths.append(stored(spool.incoming / name, data))
        return paths

    return put


def test_images_are_kept_by_content_and_found_in_the_registry(indexer, incoming, spool, registry):
    study, series = generate_uid(), generate_uid()
    (path, _) = incoming(mr_image(study, series), mr_image(study, series))
    digest, at = dataset_digest(path), received_at(path)
    assert indexer.index_incoming()
    assert spool.incoming_files() == []
    (record,) = registry.studies.list()
    assert (record.study_instance_uid, record.n_instances) == (study, 2)
    assert (record.state, record.calling_ae_title) == (StudyState.RECEIVING, "ARCHIVE")
    assert record.patient_name == "Secret^Person"
    first, _ = registry.studies.current_instances(record.id)
    assert first.path == str(spool.kept_path(record.study_key, digest))
    assert first.received_at == at
    assert first.association_id == "ab" * 16
    assert dataset_digest(spool.kept_path(record.study_key, digest)) == digest


def test_registry_keeps_what_tells_people_and_studies_apart(indexer, incoming, registry):
    told = {"StudyTime": "101500", "IssuerOfPatientID": "NORTH", "PatientSex": "F"}
    incoming(mr_image(**told), mr_image(PatientBirthDate="unknown"))
    assert indexer.index_incoming()
    studies = {one.patient_sex: one for one in registry.studies.list()}
    assert studies["F"].person == Person("P1", "NORTH", "19700101", "F")
    assert studies["F"].moment == Moment("20240102", "101500")
    assert studies[""].person == Person("P1", "", "unknown", "")


def test_same_bytes_again_are_one_copy(indexer, incoming, spool, registry):
    image = mr_image()
    incoming(image)
    indexer.index_incoming()
    (before,) = registry.studies.list()
    incoming(image, image)
    indexer.index_incoming()
    (after,) = registry.studies.list()
    assert (after.n_instances, after.revision) == (1, before.revision)
    assert len(list(spool.studies.rglob("*.dcm"))) == 1
    assert spool.incoming_files() == []


def test_other_bytes_under_one_uid_are_a_new_version_and_flagged(
    indexer, incoming, spool, registry
):
    image = mr_image()
    incoming(image)
    image.PixelData = bytes(128)
    incoming(image)
    indexer.index_incoming()
    (record,) = registry.studies.list()
    (current,) = registry.studies.current_instances(record.id)
    assert (current.version, current.differs) == (2, True)
    assert len(registry.studies.versions(record.id)) == 2
    assert len(list(spool.studies.rglob("*.dcm"))) == 2


def test_broken_files_are_set_aside_with_a_reason(indexer, incoming, spool, registry):
    whole = encoded(mr_image())
    incoming(
        whole[:-30],
        mr_image(StudyInstanceUID=None),
        mr_image(SeriesInstanceUID="../x"),
        mr_image(),
    )
    (spool.incoming / "stray.dcm").write_bytes(b"no dicom at all")
    assert indexer.index_incoming()
    assert spool.incoming_files() == []
    assert registry.studies.list()[0].n_instances == 1
    listed = registry.studies.quarantine_list()
    assert {row.reason for row in listed} == {
        Reason.TRUNCATED_FILE,
        Reason.MISSING_IDENTIFIERS,
        Reason.INVALID_IDENTIFIER,
        Reason.NOT_DICOM,
    }
    assert {row.calling_ae_title for row in listed} == {"ARCHIVE", ""}
    assert len(list(spool.quarantine.iterdir())) == 4


def test_quarantined_file_whose_row_was_lost_is_listed_after_a_restart(
    indexer, incoming, spool, registry
):
    (path,) = incoming(encoded(mr_image())[:-30])
    at = received_at(path)
    spool.quarantine_file(path, Reason.TRUNCATED_FILE)  # and the process dies here
    indexer.recover_quarantine()
    indexer.recover_quarantine()
    (row,) = registry.studies.quarantine_list()
    assert (row.reason, row.received_at) == (Reason.TRUNCATED_FILE, at)


def test_crash_after_the_row_loses_and_doubles_nothing(
    indexer, incoming, spool, registry, monkeypatch
):
    incoming(mr_image(), mr_image())

    def die(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(spool), "keep", die)
    with pytest.raises(KeyboardInterrupt):
        indexer.index_incoming()
    monkeypatch.undo()
    assert len(spool.incoming_files()) == 2
    assert Indexer(spool, registry).index_incoming()
    for record in registry.studies.list():
        (instance,) = registry.studies.current_instances(record.id)
        assert spool.kept_path(record.study_key, instance.sha256).exists()
    assert len(registry.studies.list()) == 2


def test_lost_registry_leaves_files_where_they_are(indexer, incoming, spool, registry, monkeypatch):
    incoming(mr_image())

    def lost(*_arguments):
        raise TransientError(Reason.REGISTRY_UNAVAILABLE)

    monkeypatch.setattr(registry.studies, "add_instances", lost)
    with pytest.raises(TransientError):
        indexer.index_incoming()
    assert len(spool.incoming_files()) == 1


def test_file_that_breaks_the_registry_stops_no_other(
    indexer, incoming, spool, registry, monkeypatch
):
    bad = mr_image()
    incoming(mr_image(), bad, mr_image())
    add = registry.studies.add_instances

    def picky(instances):
        if any(i.sop_instance_uid == bad.SOPInstanceUID for i in instances):
            message = "a fault"
            raise ValueError(message)
        return add(instances)

    monkeypatch.setattr(registry.studies, "add_instances", picky)
    assert indexer.index_incoming()
    assert len(registry.studies.list()) == 2
    (row,) = registry.studies.quarantine_list()
    assert row.reason is Reason.INTERNAL_ERROR


def test_stop_between_batches_forbids_decisions(indexer, incoming):
    incoming(mr_image())
    assert not indexer.index_incoming(stop=lambda: True)


def test_file_that_the_disk_does_not_give_back_holds_decisions_back_for_a_while(
    indexer, incoming, spool, registry, monkeypatch
):
    (old, _) = incoming(mr_image(), mr_image())
    fresh = old.with_name(f"{time.time_ns():020d}-{'ab' * 16}-000001.dcm")
    read = indexer_module.read_headers

    def unreadable(path):
        if path in {old, fresh}:
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(indexer_module, "read_headers", unreadable)
    assert indexer.index_incoming()
    assert len(registry.studies.list()) == 1
    assert spool.incoming_files() == [old]
    old.rename(fresh)
    assert not indexer.index_incoming()
    monkeypatch.undo()
    assert indexer.index_incoming()
    assert len(registry.studies.list()) == 2


def own_report(study):
    report = mr_image(
        study,
        SOPClassUID=SR,
        Modality="SR",
        Manufacturer=MANUFACTURER,
        ManufacturerModelName=MODEL_NAME,
    )
    del report.PixelData
    return report


def test_own_result_is_recognised_by_the_registry(indexer, incoming, spool, registry, tmp_path):
    study = generate_uid()
    incoming(mr_image(study))
    indexer.index_incoming()
    (record,) = registry.studies.list()
    job = registry.jobs.claim(registry.studies.mark_complete(record.id).id, "test", 60)
    report = own_report(study)
    # An archive may put another manufacturer in; the UID is what counts.
    del report.Manufacturer
    path = tmp_path / "sr.dcm"
    path.write_bytes(b"sr")
    published = ResultObject(
        "sr", SR, report.SOPInstanceUID, generate_uid(), str(path), "0" * 64, 2
    )
    registry.jobs.publish(job.id, job.fence, PublishedResult((published,), "0" * 64, {}))
    incoming(report)
    indexer.index_incoming()
    assert registry.jobs.get(job.id).state is JobState.REPORTED
    (after,) = registry.studies.list()
    assert (after.state, after.n_instances) == (StudyState.COMPLETE, 1)
    assert registry.studies.quarantine_list() == []


def test_own_result_is_recognised_with_an_emptied_registry(indexer, incoming, registry):
    incoming(own_report(generate_uid()))
    indexer.index_incoming()
    assert registry.studies.list() == []
    (row,) = registry.studies.quarantine_list()
    assert row.reason is Reason.OWN_RESULT
