"""Everything that computes: from instances on disk to measured, stated and rendered results."""
