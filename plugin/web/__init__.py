"""The pages: for now one read-only status page, for this machine only."""
