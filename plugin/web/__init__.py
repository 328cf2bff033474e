"""The pages (worklist, study, administration) and the REST interface, as one application."""
