"""docs/refusal.md tells the limits, reasons and notes of the code."""

import re
from pathlib import Path

from tests.worker.gate.refusal_page import PAGE, with_table
from worker.gate import gate

TEXT = PAGE.read_text(encoding="utf-8")


def test_table_of_limits_is_that_of_the_code():
    assert with_table(TEXT) == TEXT, "run: python -m tests.worker.gate.refusal_page"


def test_every_reason_and_note_of_the_gate_is_described():
    code = Path(gate.__file__).read_text(encoding="utf-8")
    reasons = {name.lower() for name in re.findall(r"Reason\.([A-Z_]+)", code)}
    notes = set(re.findall(r'StackNote\(\s*"(\w+)"', code))
    assert len(reasons) == 5
    assert len(notes) == 4
    assert not {name for name in reasons | notes if f"`{name}`" not in TEXT}
