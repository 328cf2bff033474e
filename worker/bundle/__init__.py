"""Trained bundles on disk: what a manifest says, and whether the files are what it says."""
