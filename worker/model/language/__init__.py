"""The language side at work: tokens, decoder, study reader, constrained generation."""
