"""The evaluation page: one HTML file with everything that was measured of a bundle."""
