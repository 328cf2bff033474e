"""Contours to measurements, statements, plausibility and the first priority."""
