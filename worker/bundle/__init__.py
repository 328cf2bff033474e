"""Trained bundles on disk: what a manifest says, and whether the files are what it says."""

from worker.bundle.load import Bundle, find_bundle, load_bundle, shipped_bundles
from worker.bundle.manifest import Manifest

__all__ = [
    "Bundle",
    "Manifest",
    "find_bundle",
    "load_bundle",
    "shipped_bundles",
]
