"""Recognition by description, as results and pages tell it: which categories a study resembles."""

from dataclasses import dataclass

NOTICE = (
    "AI, not verified by a physician. How much the study resembles what a category is described "
    "as, from -2 to 2: no probability, no finding and no diagnosis. Nothing is decided by it."
)


@dataclass(frozen=True, slots=True)
class Resemblance:
    """One category.

    Attributes
    ----------
    margin
        Similarity to the descriptions of its presence less that to those of its absence, -2 to 2.
    """

    key: str
    name: str
    margin: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What recognition says of a study.

    Attributes
    ----------
    categories_sha256
        Of the categories with their descriptions: other descriptions give other margins.
    resemblances
        Every category, the likest first.
    """

    categories_sha256: str
    resemblances: tuple[Resemblance, ...]
    notice: str = NOTICE
