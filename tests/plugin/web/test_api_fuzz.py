"""Whatever is sent to the interface, it answers as its description says and never breaks."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from plugin.accounts import Accounts
from tests.plugin.web.administered import draw_administration
from tests.plugin.web.conftest import BASE

schemathesis.serializer.alias("application/zip", "application/octet-stream")
schemathesis.serializer.alias("application/hl7-v2", "text/plain")
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def described(app, registry, spool):
    draw_administration(registry, spool)
    key = Accounts(registry).add_token(registry.users.get("admin"), "fuzz", 1)
    schema = schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", app, headers={"Host": "127.0.0.1"}
    )
    schema.config.update(base_url=BASE, headers={"Authorization": f"Bearer {key}"})
    return schema


def test_interface_answers_as_described_whatever_is_sent(described):
    n_operations, statuses = 0, set()
    for found in described.get_all_operations():
        operation = found.ok()
        n_operations += 1

        @settings(
            max_examples=4,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def probe(case):
            statuses.add(case.call_and_validate(checks=CHECKS).status_code)

        probe()
    assert n_operations >= 75
    assert {200, 404, 422} <= statuses, "the key must open what is probed"
