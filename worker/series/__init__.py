"""Which series of a study plays which role, and why."""
