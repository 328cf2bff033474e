"""Which model bundle decides: activated, rolled back, refused when damaged or outdated."""

import pytest

from plugin.domain.errors import ConfigurationError, Reason


def add(registry, digest="a", version="1.0.0"):
    return registry.bundles.verified(
        digest * 64, "unet", version, f"/bundles/{digest}", {"licence": "CC0"}, "worker"
    )


def test_bundle_is_known_once_however_often_it_is_verified(registry):
    first, again = add(registry), add(registry)
    assert first.id == again.id
    assert [one.action for one in registry.audit.list()] == ["bundle.install"]


def test_activation_counts_and_is_rolled_back_to_the_settings(registry):
    assert registry.bundles.in_force() is None
    one, two = add(registry), add(registry, "b", "2.0.0")
    registry.bundles.activate(one.id, "admin")
    registry.bundles.activate(two.id, "admin")
    assert registry.bundles.in_force().id == two.id
    registry.bundles.rollback("admin")
    assert registry.bundles.in_force().id == one.id
    registry.bundles.activate(None, "admin")
    assert registry.bundles.in_force() is None
    assert registry.audit.list()[0].before == {"bundle_id": one.id}


def test_rolling_back_the_first_one_gives_that_of_the_settings(registry):
    with pytest.raises(ConfigurationError) as refused:
        registry.bundles.rollback("admin")
    assert refused.value.reason is Reason.NOT_FOUND
    registry.bundles.activate(add(registry).id, "admin")
    registry.bundles.rollback("admin")
    assert registry.bundles.in_force() is None


def test_damaged_unknown_and_outdated_activations_are_refused(registry):
    one = add(registry)
    registry.bundles.broken(one.id, "graphs/segmentation.onnx differs")
    for number, expected_id, reason in (
        (one.id, None, Reason.BUNDLE_TAMPERED),
        (99, None, Reason.NOT_FOUND),
        (None, 7, Reason.CHANGED_MEANWHILE),
    ):
        with pytest.raises(ConfigurationError) as refused:
            registry.bundles.activate(number, "admin", expected_id=expected_id)
        assert refused.value.reason is reason
    assert registry.bundles.history() == []
