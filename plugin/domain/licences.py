"""What the licence of a model bundle lets people do. Pure; knows no bundle and no file."""

_FREE = frozenset({"Apache-2.0", "CC0-1.0"})


def permitted_use(licence: str) -> str:
    """Say what a licence (SPDX expression) lets people do, in words for whoever chooses."""
    if "-NC-" in licence:
        return "non-commercial use only"
    if set(licence.split(" AND ")) <= _FREE:
        return "commercial use too"
    return "as its LICENSE says"
