"""From what an image says of its order to the job that is analysed first."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node import assembler as module
from dicom_node.assembler import Assembler
from tests.dicom_node.images import encoded, mr_image
from tests.dicom_node.test_headers import stored
from tests.plugin.domain.triage.policies import policy_text, rule


@pytest.fixture
def assembler(settings, spool, registry, monkeypatch):
    monkeypatch.setattr(module, "send_analyse", lambda _app, _job_id: None)
    return Assembler(settings, spool, registry)


@pytest.fixture
def arrive(spool, assembler):
    def put(image):
        """Receive a study of one image and complete it."""
        name = f"{time.time_ns():020d}-{'cd' * 16}-{0:06d}.dcm"
        stored(spool.incoming / name, encoded(image))
        assembler.tick(datetime.now(UTC) + timedelta(seconds=2))
        return str(image.StudyInstanceUID)

    return put


def test_study_ordered_as_stat_overtakes_one_that_came_before(arrive, registry):
    routine = arrive(mr_image(RequestedProcedurePriority="ROUTINE"))
    urgent = arrive(mr_image(RequestedProcedurePriority="STAT"))
    emergency = arrive(mr_image(RequestingService="ED Resus"))
    hint = registry.jobs.list()[-1].id
    claimed = [registry.jobs.claim_next(hint, "w", 30).study_instance_uid for _ in range(3)]
    assert claimed == [urgent, emergency, routine]


def test_tick_applies_the_rules_that_need_no_result(arrive, registry, assembler):
    registry.policies.activate(policy_text(rule(when='{ order_priority = "STAT" }')), "me")
    assembler.tick(datetime.now(UTC))
    uid = arrive(mr_image(RequestedProcedurePriority="STAT"))
    assembler._triage_at = 0.0
    assembler.tick(datetime.now(UTC))
    assert registry.studies.get(uid).policy_urgency == 2
