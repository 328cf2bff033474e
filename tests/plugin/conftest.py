"""An installation in a folder of its own, for tests that run commands."""

import pytest

from plugin.registry import Registry
from plugin.settings import load_settings


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
