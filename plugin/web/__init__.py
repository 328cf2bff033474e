"""The pages and the REST interface: worklist, study pages, administration; for people and programs."""
