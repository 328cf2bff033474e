"""What of the clinical text was there, without saying it: the form that leaves the study.

``result.json``, logs and pages show this. It names attributes, lengths and flags, never text, a
value, a date or a code: docs/decisions/0005-clinical-text.md.
"""

from typing import Any

from worker.clinical.types import ClinicalContext


def inventory(clinical: ClinicalContext) -> dict[str, Any]:
    """Return what was read as plain values for JSON."""
    return {
        "texts": [
            {
                "topic": text.topic.value,
                "keyword": text.keyword,
                "tag": text.tag,
                "n_characters": len(text.text),
                "flags": sorted(flag.value for flag in text.flags),
            }
            for text in clinical.texts
        ],
        "n_texts_left_out": clinical.n_texts_left_out,
        "prior_reports": [
            {
                "title": report.title,
                "is_own": report.is_own,
                "is_verified": report.is_verified,
                "is_readable": report.is_readable,
                "n_values": len(report.values),
            }
            for report in clinical.prior_reports
        ],
    }
