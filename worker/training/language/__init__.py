"""Training of the language side: networks, losses, corpus, export (needs torch)."""
