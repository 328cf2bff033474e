"""Whether a bundle's files are what its manifest says; everything fails closed.

Hashes every file, refuses links, paths that leave the folder and files nobody listed, and looks
into each graph for operators of foreign domains and for tensor data outside the listed files. The
golden run needs a runtime and is `worker.model.golden`'s.
"""

import hashlib
from pathlib import Path

from plugin.domain.errors import ModelError, Reason
from worker.bundle.manifest import FileEntry, GraphSpec, Manifest
from worker.bundle.onnx_wire import WireError, read_facts

MANIFEST_NAME = "manifest.json"
ALLOWED_DOMAINS = frozenset({"", "ai.onnx"})
_CHUNK_BYTES = 1 << 20


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check every file of the bundle against the manifest.

    Raises
    ------
    ModelError
        ``BUNDLE_TAMPERED``: a file is missing, is a link, differs, or is not listed.
        ``BUNDLE_INVALID``: the manifest uses files that it does not list, or lists one twice.
    """
    listed = {entry.path: entry for entry in manifest.files}
    if len(listed) != len(manifest.files):
        raise ModelError(Reason.BUNDLE_INVALID, "a file is listed twice")
    used = {g.file for g in manifest.graphs} | {g.file for g in manifest.golden}
    used |= {path for g in manifest.graphs for path in g.external_data}
    if missing := sorted(used - set(listed)):
        raise ModelError(Reason.BUNDLE_INVALID, f"{missing[0]} has no entry under files")
    for path in _every_path(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise ModelError(Reason.BUNDLE_TAMPERED, f"{name} is a link")
        if path.is_file() and name != MANIFEST_NAME and name not in listed:
            raise ModelError(Reason.BUNDLE_TAMPERED, f"{name} is not listed")
    for entry in manifest.files:
        _verify_file(folder, entry)


def verify_graph(folder: Path, graph: GraphSpec) -> None:
    """Check what a graph would load and run, before any runtime sees it.

    Raises
    ------
    ModelError
        ``BUNDLE_INVALID`` with what is wrong.
    """
    try:
        facts = read_facts((folder / graph.file).read_bytes())
    except WireError as error:
        raise ModelError(Reason.BUNDLE_INVALID, f"{graph.file} is not an ONNX graph") from error
    if foreign := sorted(facts.domains - ALLOWED_DOMAINS):
        raise ModelError(Reason.BUNDLE_INVALID, f"operators of domain {foreign[0]!r}")
    base = Path(graph.file).parent
    outside = {(base / location).as_posix() for location in facts.external_locations}
    if outside - set(graph.external_data):
        raise ModelError(Reason.BUNDLE_INVALID, f"{graph.file} has tensor data outside its files")
    if facts.opset != graph.opset:
        raise ModelError(Reason.BUNDLE_INVALID, f"{graph.file} has opset {facts.opset}")


def list_files(folder: Path) -> tuple[FileEntry, ...]:
    """Return what a manifest must say about the files of its folder, in the order of names."""
    paths = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MANIFEST_NAME)
    return tuple(
        FileEntry(
            path=p.relative_to(folder).as_posix(), sha256=sha256_of(p), n_bytes=p.stat().st_size
        )
        for p in paths
    )


def sha256_of(path: Path) -> str:
    """Hash a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _every_path(folder: Path) -> list[Path]:
    # rglob does not follow links to folders, and lists them, so a linked folder is seen as a link
    return sorted(p for p in folder.rglob("*") if "__pycache__" not in p.parts)


def _verify_file(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.path
    if not path.is_file() or path.is_symlink():
        raise ModelError(Reason.BUNDLE_TAMPERED, f"{entry.path} is missing")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(Reason.BUNDLE_TAMPERED, f"{entry.path} leaves the bundle")
    if path.stat().st_size != entry.n_bytes or sha256_of(path) != entry.sha256:
        raise ModelError(Reason.BUNDLE_TAMPERED, f"{entry.path} differs")
