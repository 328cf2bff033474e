"""How well the analysis does since it went live: shares, agreement, drift, calibration, times.

Pure computations on facts that the registry keeps; what is shown where is the pages' business.
"""
