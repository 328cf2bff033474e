import pytest

from plugin.domain.identifiers import is_valid_uid
from tests.worker.report import samples
from worker.report import PredecessorReport
from worker.report.identity import ResultUids, digest_of


def uids(content: str = "digest", study: str = samples.STUDY_UID, **changes: object) -> ResultUids:
    return ResultUids(study, samples.identity(**changes), content)


def test_uids_are_the_same_for_the_same_parts() -> None:
    assert uids().instance("sr") == uids().instance("sr")
    assert is_valid_uid(uids().instance("sr"))


@pytest.mark.parametrize(
    "other",
    [
        uids("other content"),
        uids(study="2.25.3"),
        uids(software_version="0.2.0"),
        uids(bundle_digest="ef" * 32),
        uids(input_digest="00" * 32),
        uids(generation=2),
        uids(predecessor=PredecessorReport("1.2.3", "2.25.4", "2.25.5")),
    ],
)
def test_uids_differ_when_anything_that_the_content_depends_on_differs(other: ResultUids) -> None:
    assert other.instance("sr") != uids().instance("sr")
    assert other.series("sr") != uids().series("sr")


def test_uids_differ_between_kinds_and_levels() -> None:
    made = {getattr(uids(), level)(kind) for level in ("series", "instance") for kind in "abc"}
    assert len(made) == 6


def test_tracking_uid_stays_when_a_newer_version_reports_the_same_study() -> None:
    newer = uids("other content", software_version="9.9.9", bundle_digest="ef" * 32)
    assert newer.tracking("Left ventricle") == uids().tracking("Left ventricle")
    assert newer.tracking("Right ventricle") != uids().tracking("Left ventricle")


def test_digest_keeps_parts_apart() -> None:
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc")
