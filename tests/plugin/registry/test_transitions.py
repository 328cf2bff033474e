"""No state change but those of the domain reaches the database."""

import pytest

from plugin.domain.job import DELIVERY_TRANSITIONS, JOB_TRANSITIONS, DeliveryState, JobState
from plugin.registry.tables import deliveries, jobs
from plugin.registry.transitions import delivery_may_become, may_become


@pytest.mark.parametrize("source", JobState)
@pytest.mark.parametrize("target", JobState)
def test_jobs_follow_the_table(source, target):
    if target in JOB_TRANSITIONS[source]:
        assert may_become(jobs.c.state, target, {source}) is not None
    else:
        with pytest.raises(ValueError, match="never becomes"):
            may_become(jobs.c.state, target, {source})


@pytest.mark.parametrize("source", DeliveryState)
@pytest.mark.parametrize("target", DeliveryState)
def test_deliveries_follow_the_table(source, target):
    if target in DELIVERY_TRANSITIONS[source]:
        assert delivery_may_become(deliveries.c.state, target, {source}) is not None
    else:
        with pytest.raises(ValueError, match="never becomes"):
            delivery_may_become(deliveries.c.state, target, {source})
