"""From what an image says of its order to the job that is analysed first."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node import assembler as module
from dicom_node.assembler import Assembler
from plugin.orders import take_orders
from tests.dicom_node.images import encoded, mr_image
from tests.dicom_node.test_headers import stored
from tests.plugin.domain.triage.policies import policy_text, rule
from tests.plugin.orders.messages import orm


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


def test_study_whose_order_came_before_it_overtakes_one_that_came_before(arrive, registry):
    message = orm("A", accession="A7", procedure="RP7").encode()
    take_orders(registry, message, "ris")
    routine = arrive(mr_image(AccessionNumber="A6"))
    ordered = arrive(mr_image(AccessionNumber="A7"))
    by_procedure = arrive(mr_image(AccessionNumber="", RequestedProcedureID="RP7"))
    hint = registry.jobs.list()[-1].id
    claimed = [registry.jobs.claim_next(hint, "w", 30).study_instance_uid for _ in range(3)]
    assert claimed == [ordered, by_procedure, routine]


def test_order_without_a_study_goes_after_its_time(registry, assembler, settings):
    take_orders(registry, orm().encode(), "ris")
    days = settings.registry.unmatched_order_days
    assembler.tick(datetime.now(UTC) + timedelta(days=days - 1))
    assert len(registry.orders.list()) == 1
    assembler._retain_at = 0.0
    assembler.tick(datetime.now(UTC) + timedelta(days=days + 1))
    assert registry.orders.list() == []


def test_tick_applies_the_rules_that_need_no_result(arrive, registry, assembler):
    registry.policies.activate(policy_text(rule(when='{ order_priority = "STAT" }')), "me")
    assembler.tick(datetime.now(UTC))
    uid = arrive(mr_image(RequestedProcedurePriority="STAT"))
    assembler._triage_at = 0.0
    assembler.tick(datetime.now(UTC))
    assert registry.studies.get(uid).policy_urgency == 2
