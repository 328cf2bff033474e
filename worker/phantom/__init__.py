"""Generated hearts with known truth: as surfaces, as arrays and as DICOM studies.

Imports no other part of the worker, so that what tests and training compare with owes nothing to
the code under test.
"""
