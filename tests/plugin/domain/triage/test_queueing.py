"""The queue simulation: order changes who waits, not how much is waited for altogether."""

import math
from dataclasses import replace
from statistics import median

import pytest

from plugin.domain.triage.queueing import QueueSetup, percentile, simulate

SETUP = QueueSetup(n_days=120)


def mean(values):
    return sum(values) / len(values)


def test_same_seed_gives_the_same_waits_and_another_seed_others():
    assert simulate(SETUP) == simulate(SETUP)
    assert simulate(SETUP) != simulate(replace(SETUP, seed=2))


def test_suggestions_shorten_the_wait_of_urgent_studies():
    without, with_ai = simulate(SETUP)
    assert median(with_ai.urgent) < 0.7 * median(without.urgent)
    assert len(with_ai.urgent) == len(without.urgent)


def test_what_urgent_studies_gain_the_others_wait_longer():
    """Reading times do not depend on the order, so the sum of all waits hardly changes."""
    without, with_ai = simulate(SETUP)
    before, after = (mean((*one.urgent, *one.other)) for one in (without, with_ai))
    assert after == pytest.approx(before, rel=0.03)
    assert mean(with_ai.other) > mean(without.other)


def test_suggestions_by_chance_gain_nothing():
    blind = replace(SETUP, sensitivity=0.3, specificity=0.7, n_days=600)
    without, with_ai = simulate(blind)
    assert mean(with_ai.urgent) == pytest.approx(mean(without.urgent), rel=0.1)


def test_no_suggestion_is_first_in_first_out():
    never = replace(SETUP, sensitivity=0.0, specificity=1.0)
    without, with_ai = simulate(never)
    assert with_ai == without


def test_suggestion_that_comes_too_late_changes_nothing():
    late = replace(SETUP, analysis_minutes=1e9)
    without, with_ai = simulate(late)
    assert with_ai == without


def test_a_better_detector_never_makes_urgent_studies_wait_longer():
    medians = [
        median(simulate(replace(SETUP, sensitivity=share))[1].urgent) for share in (0.2, 0.6, 1.0)
    ]
    assert medians == sorted(medians, reverse=True)


def test_nothing_is_read_outside_reading_hours_or_before_it_arrives():
    without, with_ai = simulate(replace(SETUP, n_readers=3, scan_hours=(0.0, 24.0)))
    assert min(*without.urgent, *with_ai.urgent, *with_ai.other) >= 0.0


def test_enough_readers_leave_no_queue_in_reading_hours():
    crowd = replace(SETUP, n_readers=20, scan_hours=(9.0, 12.0))
    without, _ = simulate(crowd)
    assert max(without.urgent) == 0.0


def test_summaries_of_waits():
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.9) == 4.0
    assert math.isnan(percentile([], 0.9))
    assert SETUP.load == pytest.approx(14 * 30 / 540)
