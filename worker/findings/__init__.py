"""From contours to measurements, coded statements and plausibility checks."""
