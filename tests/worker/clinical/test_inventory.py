"""What leaves the study names attributes and flags, and says nothing of a person."""

import json

from tests.worker.clinical.headers import code, image, number, report, text
from worker.clinical import read_clinical_context
from worker.clinical.inventory import inventory


def test_inventory_names_what_was_there_without_saying_it():
    context = read_clinical_context(
        [
            image(
                AdditionalPatientHistory="SECRET history of John Doe",
                ReasonForVisitCodeSequence=[code("I42", "I10", "SECRET reason")],
            ),
            report(
                [number(("8811-2", "LN"), "37", "%"), text(("121073", "DCM"), "SECRET finding")]
            ),
        ]
    )
    found = inventory(context)
    written = json.dumps(found)
    for secret in ("SECRET", "Doe", "37", "2024", "I42"):
        assert secret not in written
    assert [one["keyword"] for one in found["texts"]] == [
        "ReasonForVisitCodeSequence",
        "AdditionalPatientHistory",
        "ContentSequence",
    ]
    assert found["texts"][1]["flags"] == ["identity_removed"]
    assert found["prior_reports"][0]["n_values"] == 1
