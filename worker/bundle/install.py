"""From an archive that somebody uploaded to a verified bundle in a folder of its own, and back.

Only what passes the whole verification of bundles leaves the folder in which it was unpacked.
"""

from collections.abc import Callable
from pathlib import Path

from plugin.domain.errors import ModelError, Reason
from worker.bundle.load import Bundle, load_bundle
from worker.bundle.verify import MANIFEST_NAME
from worker.unpack import discard, unpacked

_DIGEST_CHARACTERS = 12


def install_bundle(archive: Path, bundles: Path, prove: Callable[[Path], object]) -> Bundle:
    """Unpack, verify and keep the bundle of an archive.

    Parameters
    ----------
    archive
        A zip file with the manifest on top, or in one folder.
    bundles
        Folder under which it is kept, as ``<name>-<version>-<digest>``.
    prove
        Called with its folder when every file is as the manifest says; raises when its golden run
        gives another answer here.

    Raises
    ------
    ModelError
        ``ARCHIVE_UNUSABLE``, ``BUNDLE_INVALID`` or ``BUNDLE_TAMPERED``, with what is wrong.
    """
    with unpacked(archive, bundles) as files:
        folder = _folder_of_manifest(files)
        bundle = load_bundle(folder)
        prove(folder)
        label = f"{bundle.name}-{bundle.version}-{bundle.digest[:_DIGEST_CHARACTERS]}"
        target = bundles / label
        if not target.exists():
            folder.rename(target)
        return load_bundle(target)


def delete_bundle(folder: Path, bundles: Path) -> None:
    """Delete the files of a bundle that was installed here; one that lies elsewhere stays."""
    if folder.parent == bundles.resolve() and folder.exists():
        discard(folder, bundles)


def _folder_of_manifest(files: Path) -> Path:
    """Return the folder itself, or the one folder in it when the archive was made of a folder."""
    if (files / MANIFEST_NAME).is_file():
        return files
    inside = list(files.iterdir())
    if len(inside) == 1 and (inside[0] / MANIFEST_NAME).is_file():
        return inside[0]
    raise ModelError(Reason.BUNDLE_INVALID, f"no {MANIFEST_NAME} in the archive")
