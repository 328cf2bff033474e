"""Finds a bundle, reads its manifest, verifies it, and hands it out as one object."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from plugin.domain.errors import ConfigurationError, ModelError, Reason
from worker.bundle.manifest import Manifest
from worker.bundle.verify import MANIFEST_NAME, verify_files, verify_graph

DEFAULT_BUNDLE = "acdc-unet"
"""What the workers take when the settings name none; an installation may have been made without."""
_MAX_MANIFEST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle.

    Attributes
    ----------
    digest
        SHA-256 of ``manifest.json``, which holds the hash of every other file: one digest means
        one content of the whole bundle.
    """

    name: str
    version: str
    manifest: Manifest
    folder: Path
    digest: str


def shipped_bundles() -> list[Path]:
    """Return the folders of the bundles that came with the software."""
    base = Path(__file__).resolve().parent.parent / "bundles"
    return sorted(path.parent for path in base.glob(f"*/{MANIFEST_NAME}"))


def find_bundle(where: str | Path | None) -> Path:
    """Return the folder of a bundle: a path, the name of a shipped one, or None for the default.

    Another bundle never takes the place of the one that is wanted: bundles differ in accuracy and
    in terms, so a person chooses.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_MISSING``: there is none; names those that there are.
    """
    shipped = shipped_bundles()
    wanted = str(where) if where else DEFAULT_BUNDLE
    for folder in shipped:
        if folder.name == wanted:
            return folder
    folder = Path(wanted).expanduser()
    if not where or not (folder / MANIFEST_NAME).is_file():
        here = ", ".join(one.name for one in shipped) or "none"
        detail = f"no bundle {wanted}; this installation came with: {here}"
        raise ConfigurationError(Reason.BUNDLE_MISSING, detail)
    return folder.resolve()


def load_bundle(where: str | Path | None = None) -> Bundle:
    """Find, read and verify a bundle.

    Parameters
    ----------
    where
        A folder, the name of a shipped bundle, or None for the default one.

    Raises
    ------
    ConfigurationError
        There is no such bundle.
    ModelError
        Its manifest or a file is not what it must be.
    """
    folder = find_bundle(where)
    path = folder / MANIFEST_NAME
    if path.is_symlink() or path.stat().st_size > _MAX_MANIFEST_BYTES:
        raise ModelError(Reason.BUNDLE_INVALID, f"{MANIFEST_NAME} is a link or too large")
    text = path.read_bytes()
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        wrong = f"{where}: {problem['msg']}" if where else problem["msg"]
        raise ModelError(Reason.BUNDLE_INVALID, f"{MANIFEST_NAME}: {wrong}") from None
    verify_files(folder, manifest)
    for graph in manifest.graphs:
        verify_graph(folder, graph)
    digest = hashlib.sha256(text).hexdigest()
    return Bundle(manifest.name, manifest.version, manifest, folder, digest)
