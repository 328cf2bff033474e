"""Shadow mode and switches: what is held back waits, and nothing is lost."""

import pytest

from dicom_node.deliverer import Deliverer
from plugin.domain.job import DeliveryState
from tests.dicom_node.destination import Destination
from tests.dicom_node.test_handlers import wait_for


@pytest.fixture
def there():
    destination = Destination()
    yield destination
    destination.stop()


@pytest.fixture
def deliverer(settings, registry):
    deliverer = Deliverer(settings, registry)
    yield deliverer
    deliverer.stop(10)


def add(registry, there, name="pacs"):
    return registry.destinations.add(name, ae_title="PACS", host="127.0.0.1", port=there.port)


def states(registry, job_id):
    return {d.destination_name: d.state for d in registry.deliveries.for_job(job_id)}


def arrived(registry, job_id, name="pacs"):
    return states(registry, job_id)[name] in (DeliveryState.SENT, DeliveryState.CONFIRMED)


def test_switched_off_destination_gets_nothing_until_it_is_switched_on(
    registry, deliverer, publish, there
):
    add(registry, there)
    add(registry, there, "other")
    registry.switches.switch_off("me", "pacs")
    job_id = publish()
    deliverer.refresh()
    wait_for(lambda: arrived(registry, job_id, "other"))
    assert states(registry, job_id)["pacs"] is DeliveryState.PENDING
    assert len(there.arrived) == 1
    registry.switches.switch_on("me", "pacs")
    deliverer.refresh()
    wait_for(lambda: arrived(registry, job_id))


def test_kill_switch_stops_a_running_deliverer_and_loses_nothing(
    registry, deliverer, publish, there
):
    add(registry, there)
    deliverer.refresh()
    first = publish()
    wait_for(lambda: arrived(registry, first))
    registry.switches.switch_off("me")
    deliverer.refresh()
    deliverer.stop(10)
    waiting = [publish() for _ in range(3)]
    deliverer.refresh()
    assert [states(registry, job_id)["pacs"] for job_id in waiting] == [DeliveryState.PENDING] * 3
    assert len(there.arrived) == 1
    registry.switches.switch_on("me")
    deliverer.refresh()
    wait_for(lambda: all(arrived(registry, job_id) for job_id in waiting))


def test_shadow_sends_nothing_that_waited_before(settings, registry, publish, there):
    add(registry, there)
    job_id = publish()
    shadow = settings.model_copy(
        update={"operation": settings.operation.model_copy(update={"mode": "shadow"})}
    )
    quiet = Deliverer(shadow, registry)
    quiet.refresh()
    assert quiet._loops == {}
    quiet.stop(1)
    assert states(registry, job_id) == {"pacs": DeliveryState.PENDING}
    assert there.arrived == []
