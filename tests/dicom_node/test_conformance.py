from pathlib import Path

from dicom_node.conformance import statement

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"


def test_conformance_statement_in_the_docs_is_that_of_the_code():
    assert DOCUMENT.read_text() == statement(), (
        "run: python -m dicom_node.conformance > docs/conformance.md"
    )
