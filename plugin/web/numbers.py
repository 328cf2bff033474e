"""Numbers in addresses: of a thing, of a place in a list, of how much of a list."""

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import Path, Query

# No registry numbers higher, and more than 64 bits would not even be looked for.
Id = Annotated[int, Path(ge=1, le=2**53)]
Before = Annotated[int | None, Query(ge=1, le=2**53)]
Size = Annotated[int, Query(ge=1, le=1000)]


class Numbered(Protocol):
    """A record that has a place in the order of its kind."""

    @property
    def id(self) -> int: ...  # noqa: D102


def following(found: Sequence[Numbered], limit: int) -> int | None:
    """Return ``before_id`` of the page after this one; None where nothing can follow."""
    return found[-1].id if len(found) == limit else None
