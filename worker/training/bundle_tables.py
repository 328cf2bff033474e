"""Puts a table into a bundle that exists: the file, and its hash in the manifest."""

from pathlib import Path

from worker.bundle.manifest import Manifest
from worker.bundle.verify import MANIFEST_NAME, list_files


def put_table(folder: Path, name: str, content: bytes) -> Manifest:
    """Write a file of a bundle; of the manifest only the list of files changes."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    path = folder / MANIFEST_NAME
    manifest = Manifest.model_validate_json(path.read_bytes())
    manifest = manifest.model_copy(update={"files": list_files(folder)})
    path.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return manifest
