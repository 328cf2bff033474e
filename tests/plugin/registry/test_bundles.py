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


def refused_removal(registry, bundle):
    with pytest.raises(ConfigurationError) as refused:
        registry.bundles.remove(bundle.id, "admin")
    return refused.value.reason


def test_bundle_in_force_and_the_one_before_are_not_removed(registry):
    old, one, two = add(registry), add(registry, "b", "2.0.0"), add(registry, "c", "3.0.0")
    for bundle in (old, one, two, two):
        registry.bundles.activate(bundle.id, "admin")
    assert registry.bundles.needed() == {one.id, two.id}
    assert {refused_removal(registry, bundle) for bundle in (one, two)} == {Reason.BUNDLE_IN_USE}
    assert registry.bundles.remove(old.id, "admin") == old
    assert refused_removal(registry, old) is Reason.NOT_FOUND
    assert registry.bundles.list() == [two, one]
    assert registry.bundles.get(old.id) is None
    newest = registry.audit.list(1)[0]
    assert (newest.action, newest.subject) == ("bundle.remove", "bundle unet 1.0.0")
    assert newest.before == {"digest": old.digest}
    assert [one.label for one in registry.bundles.history()][-1] == "unet 1.0.0"


def test_removed_bundle_is_not_activated_and_comes_back_when_installed_again(registry):
    one = add(registry)
    registry.bundles.remove(one.id, "admin")
    with pytest.raises(ConfigurationError) as refused:
        registry.bundles.activate(one.id, "admin")
    assert refused.value.reason is Reason.NOT_FOUND
    again = add(registry)
    assert (again.id, registry.bundles.list()) == (one.id, [again])
    actions = [entry.action for entry in registry.audit.list()]
    assert actions == ["bundle.install", "bundle.remove", "bundle.install"]


def test_rolling_back_looks_past_repeated_activations(registry):
    one, two = add(registry), add(registry, "b", "2.0.0")
    for bundle in (one, *[two] * 25):
        registry.bundles.activate(bundle.id, "admin")
    assert registry.bundles.rollback("admin").bundle_id == one.id
