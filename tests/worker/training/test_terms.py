"""A bundle has the terms of the data that its network was shown, and never fewer."""

from itertools import combinations

import pytest

from worker.training.recipe import Recipe, Stage
from worker.training.terms import (
    ACDC,
    KNOWN_COHORTS,
    PHANTOM,
    SITE,
    SUNNYBROOK,
    cohorts_of,
    inherited_terms,
    terms_of,
    training_data,
)

EVERY_MIX = [
    chosen for n in range(1, len(KNOWN_COHORTS) + 1) for chosen in combinations(KNOWN_COHORTS, n)
]


def stage(name, patients="inner", **mix):
    return Stage(
        name=name,
        minutes=1,
        crop=96,
        batch=2,
        learning_rate_start=1e-3,
        learning_rate_end=1e-4,
        patients=patients,
        mix=mix,
    )


RECIPE = Recipe(
    name="two",
    seed=1,
    channels=(8, 16),
    stages=(stage("made", phantom=0.9, sunnybrook=0.1), stage("real", "all", acdc=1.0)),
)


@pytest.mark.parametrize("cohorts", EVERY_MIX)
def test_only_what_never_saw_acdc_is_free_of_its_terms(cohorts):
    terms = terms_of(cohorts)
    bound = ACDC in cohorts
    assert ("CC-BY-NC-SA-4.0" in terms.licence) is bound
    assert ("NonCommercial" in terms.licence_text) is bound
    assert ("non-commercial use" in terms.intended_use) is bound
    assert any("Bernard" in one for one in terms.citations) is bound
    assert ("Apache License" in terms.licence_text) is not bound
    assert ("No data with non-commercial terms" in terms.licence_text) is not bound


@pytest.mark.parametrize("cohorts", EVERY_MIX)
def test_every_cohort_is_named_in_the_terms(cohorts):
    terms = terms_of(cohorts)
    assert ("Sunnybrook" in terms.licence_text) is (SUNNYBROOK in cohorts)
    assert any("Radau" in one for one in terms.citations) is (SUNNYBROOK in cohorts)
    assert ("LicenseRef-site-data" in terms.licence) is (SITE in cohorts)
    assert ("of a hospital" in terms.licence_text) is (SITE in cohorts)
    assert "not a medical device" in terms.licence_text


@pytest.mark.parametrize("cohorts", [(), ("acdc", "somebody")])
def test_unknown_data_has_no_terms(cohorts):
    with pytest.raises(ValueError, match="not known"):
        terms_of(cohorts)


def test_a_site_bundle_loses_no_term_of_its_parent():
    parent = terms_of((ACDC, SUNNYBROOK))
    site = inherited_terms(parent.licence, parent.licence_text, parent.citations)
    assert site.licence == "CC-BY-NC-SA-4.0 AND LicenseRef-site-data"
    assert site.licence_text.startswith(parent.licence_text)
    assert site.citations == parent.citations
    assert "non-commercial" in site.intended_use
    again = inherited_terms(site.licence, site.licence_text, site.citations)
    assert (again.licence, again.licence_text) == (site.licence, site.licence_text)


def test_a_checkpoint_that_tells_is_believed_and_one_that_does_not_is_taken_for_all():
    assert cohorts_of({"stage": 2, "seen": ["phantom"]}, RECIPE) == ("phantom",)
    assert cohorts_of({"stage": 0}, RECIPE) == ("phantom", "sunnybrook")
    assert cohorts_of({"stage": 1}, RECIPE) == ("acdc", "phantom", "sunnybrook")
    assert cohorts_of({"stage": 2}, RECIPE) == ("acdc", "phantom", "sunnybrook")


def test_training_data_names_what_was_seen_and_nothing_else():
    said = training_data((PHANTOM, SUNNYBROOK), RECIPE, 0)
    assert "ACDC" not in said
    assert "generated hearts" in said
    assert "80 of 100" in training_data((ACDC,), RECIPE, 1)
    assert "70 of 100" in training_data((ACDC,), RECIPE, 0)
