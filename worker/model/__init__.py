"""The trained graphs at work: sessions, the vision tower, and what prepares their input."""
