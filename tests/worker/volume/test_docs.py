"""docs/input.md is held to the code: roles, reasons and notes."""

import re
from pathlib import Path

from plugin.domain.errors import Reason
from worker.series import Role
from worker.volume import plan

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "input.md").read_text()


def test_every_role_is_described() -> None:
    assert not {role.value for role in Role if f"`{role.value}`" not in TEXT}


def test_every_note_and_reason_of_the_stack_is_described() -> None:
    code = "".join(path.read_text() for path in (ROOT / "worker" / "volume").glob("*.py"))
    keys = set(re.findall(r'StackNote\(\s*"(\w+)"', code))
    reasons = {Reason[name].value for name in re.findall(r"Reason\.([A-Z_]+)", code)}

    assert len(keys) > 10
    assert not {key for key in keys | reasons if f"`{key}`" not in TEXT}


def test_limits_in_the_text_are_those_of_the_code() -> None:
    assert f"{plan.MINIMUM_SLICES} parallel slices" in TEXT
    assert f"fewer than {plan.MINIMUM_PHASES} phases" in TEXT
    assert f"fewer than {plan.FEW_PHASES} phases" in TEXT
