"""Every command is documented as it is, and says what it is for."""

import pytest

from tests.plugin.commands_page import PAGE, commands, page


@pytest.mark.train
def test_commands_page_says_what_the_code_does():
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run: python -m tests.plugin.commands_page"


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value)[:30])
def test_command_and_its_options_have_help_that_an_administrator_can_read(name, command):
    assert command.help, name
    for option in command.params:
        if option.name != "help":
            assert option.help, f"{name}: {option.name}"
