"""Open, closed and refused associations."""

from plugin.domain.errors import Reason


def test_open_associations_are_counted_by_sender(registry):
    registry.associations.opened("a", "PACS", "CMRTRIAGE", "10.0.0.1")
    registry.associations.opened("b", "PACS", "CMRTRIAGE", "10.0.0.1")
    assert registry.associations.open_for("PACS") == 2

    registry.associations.closed("a", "released", 7)

    assert registry.associations.open_for("PACS") == 1
    assert registry.associations.open_for("OTHER") == 0
    closed = next(a for a in registry.associations.list() if a.id == "a")
    assert (closed.outcome, closed.n_received) == ("released", 7)


def test_an_association_that_is_not_heard_of_holds_nothing_open(registry, clock):
    registry.associations.opened("a", "PACS", "CMRTRIAGE", "10.0.0.1")
    clock.advance(170)
    registry.associations.beat("a", 3)
    clock.advance(170)
    assert registry.associations.open_for("PACS") == 1
    clock.advance(20)
    assert registry.associations.open_for("PACS") == 0


def test_a_node_that_starts_closes_what_the_last_one_left_open(registry):
    registry.associations.opened("a", "PACS", "CMRTRIAGE", "10.0.0.1")
    assert registry.associations.close_stale() == 1
    assert registry.associations.close_stale() == 0
    assert registry.associations.list()[0].outcome == "aborted"
    registry.associations.closed("a", "released", 9)
    assert registry.associations.list()[0].outcome == "aborted"


def test_refused_associations_are_counted_not_piled_up(registry, clock):
    for _ in range(3):
        clock.advance(1)
        registry.associations.rejected("PACS", "WRONG", "h", Reason.WRONG_CALLED_AE_TITLE)
    clock.advance(1)
    registry.associations.rejected("OTHER", "CMRTRIAGE", "h", Reason.UNKNOWN_CALLING_AE_TITLE)

    latest, first = registry.associations.list_rejected()

    assert latest.calling_ae_title == "OTHER"
    assert (first.called_ae_title, first.n_times) == ("WRONG", 3)
    assert (first.last_at - first.first_at).total_seconds() == 2
