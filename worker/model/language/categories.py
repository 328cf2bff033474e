"""What can be recognised: a file of categories, each described in words.

A category is known to the model by its descriptions alone, so a site may add one. A file with a
mistake is refused as a whole, with the place named; nothing is guessed.
"""

import hashlib
import json
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from plugin.domain.errors import ConfigurationError, Reason

MAXIMUM_LETTERS = 300
"""Of a description: longer ones would not fit beside one another into a quick look."""

_Description = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAXIMUM_LETTERS)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Category(_Strict):
    """One category.

    Attributes
    ----------
    present, absent
        Descriptions of hearts that have it, and of hearts that have not.
    measured
        Whether the report measures it: it is learnt and compared with, but nobody is told how much
        a study resembles it, for the measured value says it better.
    reported
        How a hospital's reports name it, in any language (``train reports`` reads them); the name
        where nothing is said. They are no description: the model never reads them.
    """

    key: str = Field(pattern=r"^\w{1,64}$")
    name: _Description
    present: tuple[_Description, ...] = Field(min_length=1)
    absent: tuple[_Description, ...] = Field(min_length=1)
    measured: bool = False
    reported: tuple[_Description, ...] = ()


class _File(_Strict):
    category: tuple[Category, ...] = Field(min_length=1)


def read_categories(path: Path | None = None) -> tuple[Category, ...]:
    """Read a file of categories, the one that ships when none is named.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: the file cannot be read, or the place in it that is wrong.
    """
    try:
        if path is None:
            file = resources.files(__package__).joinpath("categories.toml")
            text = file.read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        categories = _File.model_validate(tomllib.loads(text)).category
    except ValidationError as error:
        raise _unusable(_place(error)) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unusable(str(error)) from error
    keys = [one.key for one in categories]
    if twice := {key for key in keys if keys.count(key) > 1}:
        detail = f"{min(twice)} is there twice"
        raise _unusable(detail)
    return categories


def categories_digest(categories: Sequence[Category]) -> str:
    """Return the SHA-256 of categories with their descriptions; comments of a file do not count."""
    described = [one.model_dump(mode="json", exclude={"reported"}) for one in categories]
    content = json.dumps(described)
    return hashlib.sha256(content.encode()).hexdigest()


def _place(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"


def _unusable(detail: str) -> ConfigurationError:
    return ConfigurationError(Reason.SETTING_INVALID, f"categories: {detail}")
