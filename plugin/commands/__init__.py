"""The sub-commands of ``cmr-triage``, one module per noun; heavy imports stay inside functions."""
