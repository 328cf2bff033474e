"""A hospital's own comparison before it goes live: its studies and references against our results.

Knows no network and no training; images are analysed by ``worker.pipeline`` as always.
"""
