"""A wider network that answers exactly as the narrower one it comes from, to train it further.

New channels are drawn at random; what is there hears nothing of them at first. GroupNorm does not
mix old and new channels, because its groups have a fixed number of channels
(`worker.training.network`).

References
----------
Chen, Goodfellow and Shlens, Net2Net: Accelerating Learning via Knowledge Transfer, ICLR 2016.
"""

import re
from collections.abc import Sequence

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.network import SegmentationNetwork
from worker.training.parent import channels_of

# Their inputs are two lists of features laid end to end: from below, and from the encoder.
_JOINING = re.compile(r"decoders\.\d+\.0\.0\.weight")


def widened(network: SegmentationNetwork, channels: Sequence[int]) -> SegmentationNetwork:
    """Return a network with ``channels`` whose answers are those of ``network``.

    Parameters
    ----------
    network
        What is kept.
    channels
        Feature channels from the finest to the coarsest level; none may be fewer than it has.

    Raises
    ------
    ConfigurationError
        ``SETTING_INVALID``: a level would lose channels, or the number of levels differs.
    """
    before = channels_of(network.state_dict())
    if len(before) != len(channels) or any(
        new < old for new, old in zip(channels, before, strict=True)
    ):
        detail = f"a network with channels {list(before)} does not fit into {list(channels)}"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    wide = SegmentationNetwork(channels)
    state = wide.state_dict()
    for name, kept in network.state_dict().items():
        target = state[name][: len(kept)]
        if kept.ndim == 1:
            target.copy_(kept)
            continue
        target.zero_()
        n_lists = 2 if _JOINING.fullmatch(name) else 1
        for new, old in zip(target.chunk(n_lists, 1), kept.chunk(n_lists, 1), strict=True):
            new[:, : old.shape[1]].copy_(old)
    wide.load_state_dict(state)
    return wide
