"""The shared heart of cmr-triage: domain, settings, registry, spool, queue, pages, command line."""
