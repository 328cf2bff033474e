"""An installation in a folder of its own, for tests that run commands; an identity provider."""

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.registry import Registry
from plugin.settings import OpenIdSettings, load_settings
from tests.plugin.identity_provider import CLIENT, ROLES, SECRET, FakeProvider


@pytest.fixture
def config(tmp_path):
    """Write a configuration file with an empty spool."""
    path = tmp_path / "cmr-triage.toml"
    path.write_text(f'[spool]\nfolder = "{tmp_path / "spool"}"\nminimum_free_bytes = 1\n')
    return path


@pytest.fixture
def registry(config):
    """Open the registry of that configuration."""
    settings = load_settings(config)
    settings.spool.folder.mkdir(parents=True, exist_ok=True)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        yield registry


@pytest.fixture
def run(config):
    """Run a command with the settings of this test; give back what it printed and its code."""

    def call(*arguments, with_config=True):
        full = [*arguments, "--config", str(config)] if with_config else list(arguments)
        return CliRunner().invoke(app, full)

    return call


@pytest.fixture(scope="session")
def running_provider():
    provider = FakeProvider()
    yield provider
    provider.close()


@pytest.fixture
def provider(running_provider):
    """Return the provider, saying everything right."""
    before = dict(vars(running_provider))
    running_provider.logged_out = []
    yield running_provider
    vars(running_provider).update(before)


@pytest.fixture
def openid(provider):
    return OpenIdSettings(
        issuer=provider.issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        label="St. Mary's",
        roles=ROLES,
    )
