"""How many decimals a number needs so that it reads as it was judged."""

from collections.abc import Iterable

_MORE_DECIMALS = 2


def rounded_beside(value: float, decimals: int, limits: Iterable[float]) -> str:
    """Return a value with ``decimals``, or with as many more as keep it on its side of each limit.

    40.4 judged by "40 or less" is written ``40.4``: ``40 %: mildly reduced`` would contradict
    itself. A value closer than the decimals tried here is given with the most of them.
    """
    edges = tuple(limits)
    written = ""
    for more in range(_MORE_DECIMALS + 1):
        written = f"{value:.{decimals + more}f}"
        if all(_side(float(written), edge) == _side(value, edge) for edge in edges):
            break
    return written


def _side(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)
