"""Every command is documented as it is, and says what it is for."""

import re
from pathlib import Path

import pytest

from tests.plugin import interface_page
from tests.plugin.commands_page import PAGE, commands, page

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", TOP / "CHANGELOG.md", *sorted((TOP / "docs").rglob("*.md"))]


@pytest.mark.train
def test_interface_page_says_what_the_code_does():
    written = interface_page.PAGE.read_text()
    assert written == interface_page.with_addresses(written), (
        "run: python -m tests.plugin.interface_page"
    )


def test_commands_page_says_what_the_code_does():
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run: python -m tests.plugin.commands_page"


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=lambda value: str(value)[:30])
def test_command_and_its_options_have_help_that_an_administrator_can_read(name, command):
    assert command.help, name
    for option in command.params:
        if option.name != "help":
            assert option.help, f"{name}: {option.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_reached_from_the_index():
    index = (TOP / "docs" / "index.md").read_text(encoding="utf-8")
    beside = [page for page in (TOP / "docs").glob("*.md") if page.name != "index.md"]
    assert [page.name for page in beside if f"]({page.name})" not in index] == []
