"""Training and evaluation of the vision tower; the only part that needs the extra ``train``."""
