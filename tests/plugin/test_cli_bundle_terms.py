"""Which bundle analyses and on which terms, as `bundle list`, `config check` and `up` say it."""

import json
import re

import pytest

from plugin.domain.licences import permitted_use
from plugin.settings import load_settings
from plugin.supervisor import bundle_and_terms
from tests.worker.bundle.small_bundle import write_small_bundle
from worker.bundle import find_bundle, load_bundle, shipped_bundles
from worker.requests import note_bundle

SHIPPED = sorted(folder.name for folder in shipped_bundles())


def listed(run):
    return json.loads(run("bundle", "list", "--json").output)


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [
        ("CC-BY-NC-SA-4.0", "non-commercial use only"),
        ("CC-BY-NC-SA-4.0 AND LicenseRef-site-data", "non-commercial use only"),
        ("Apache-2.0", "commercial use too"),
        ("Apache-2.0 AND LicenseRef-site-data", "as its LICENSE says"),
        ("LicenseRef-of-somebody", "as its LICENSE says"),
    ],
)
def test_no_more_is_permitted_than_a_licence_is_known_to_permit(licence, permitted):
    assert permitted_use(licence) == permitted


def test_list_shows_what_came_with_the_software_its_terms_and_which_is_in_force(run, monkeypatch):
    shown = listed(run)
    assert sorted(one["name"] for one in shown["shipped"]) == SHIPPED
    assert [one["name"] for one in shown["shipped"] if one["in_force"]] == ["acdc-unet"]
    (default,) = (one for one in shown["shipped"] if one["name"] == "acdc-unet")
    assert default["licence"] == "CC-BY-NC-SA-4.0"
    assert default["permits"] == "non-commercial use only"
    table = " ".join(run("bundle", "list").output.split())
    assert re.search(r"acdc-unet.*CC-BY-NC-SA", table)
    monkeypatch.setenv("CMR_TRIAGE_WORKER__BUNDLE", "none-unet")
    missing = listed(run)
    assert not any(one["in_force"] for one in missing["shipped"])
    assert "no bundle none-unet" in run("bundle", "list").output


def test_list_shows_a_bundle_once_that_a_worker_has_opened(run, registry):
    bundle = load_bundle(find_bundle(None))
    note_bundle(registry, bundle, "worker")
    shown = listed(run)
    assert [one["name"] for one in shown["bundles"]] == ["acdc-unet"]
    assert "acdc-unet" not in {one["name"] for one in shown["shipped"]}
    assert run("bundle", "list").output.count("acdc-unet") == 1


def test_start_says_the_terms_of_the_bundle_in_use(config, registry, tmp_path):
    settings = load_settings(config)
    said = bundle_and_terms(registry, settings)
    assert "CC-BY-NC-SA-4.0, non-commercial use only" in said
    other = load_bundle(write_small_bundle(tmp_path / "small"))
    note_bundle(registry, other, "cli")
    (known,) = registry.bundles.list()
    registry.bundles.activate(known.id, "cli")
    assert bundle_and_terms(registry, settings).startswith("small 1.0.0: ")


def test_check_says_the_terms_and_what_overrules_the_settings(run, registry, tmp_path):
    note_bundle(registry, load_bundle(write_small_bundle(tmp_path / "small")), "cli")
    (known,) = registry.bundles.list()
    registry.bundles.activate(known.id, "cli")
    answer = run("config", "check")
    assert answer.exit_code == 0, answer.output
    assert "acdc-unet" in answer.output
    assert "non-commercial use only; not for diagnosis" in answer.output
    assert "overruled: small 1.0.0" in answer.output


def test_bundle_that_is_not_there_stops_the_start_and_names_what_there_is(run, monkeypatch):
    monkeypatch.setenv("CMR_TRIAGE_WORKER__BUNDLE", "none-unet")
    for command in (("config", "check"), ("up",)):
        answer = run(*command)
        assert answer.exit_code == 2
        assert "no bundle none-unet; this installation came with: acdc-unet" in answer.output
