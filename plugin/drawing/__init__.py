"""Charts as SVG text and whole documents as HTML text, for all that write or show pages."""
