"""Which model bundles go into a distribution, and what that makes of its licence.

``CMR_TRIAGE_BUNDLES="phantom-unet" pip install .`` leaves every other bundle out, files and terms
alike; without the variable all of ``worker/bundles`` are in. The licence in the package's metadata
is put together from the manifests of the bundles that are really inside.
"""

import json
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE = "CMR_TRIAGE_BUNDLES"
BUNDLES = "worker/bundles"
PROGRAM_LICENCES = ("Apache-2.0", "0BSD")
PROGRAM_LICENCE_FILES = ("LICENSE", "plugin/web/static/*.LICENSE")
"""Of the program itself, and of the scripts that its pages bring."""


def chosen_bundles(root: Path) -> list[Path]:
    """Return the folders of the bundles that go in.

    Raises
    ------
    ValueError
        One that is named is not there.
    """
    there = {path.parent.name: path.parent for path in (root / BUNDLES).glob("*/manifest.json")}
    wanted = os.environ.get(VARIABLE, "").replace(",", " ").split()
    if unknown := sorted(set(wanted) - set(there)):
        msg = f"{VARIABLE}: no bundle {', '.join(unknown)}; there are: {', '.join(sorted(there))}"
        raise ValueError(msg)
    return [there[name] for name in sorted(wanted or there)]


def licence_of(bundles: list[Path]) -> str:
    """Return the SPDX expression of the program together with these bundles."""
    written = (json.loads((one / "manifest.json").read_bytes())["licence"] for one in bundles)
    parts = [part for licence in written for part in licence.split(" AND ")]
    return " AND ".join(dict.fromkeys((*PROGRAM_LICENCES, *parts)))


class LicenceHook(MetadataHookInterface):
    """Writes ``license`` and ``license-files`` of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set both fields for the bundles that go in."""
        bundles = chosen_bundles(Path(self.root))
        metadata["license"] = licence_of(bundles)
        own = [f"{BUNDLES}/{one.name}/LICENSE*" for one in bundles]
        metadata["license-files"] = [*PROGRAM_LICENCE_FILES, *own]


class BundleHook(BuildHookInterface[Any]):
    """Puts the chosen bundles into a distribution; the configuration leaves all of them out."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folders, unless what is installed is this very tree."""
        if version != "editable":
            names = (f"{BUNDLES}/{one.name}" for one in chosen_bundles(Path(self.root)))
            build_data["force_include"].update({name: name for name in names})
