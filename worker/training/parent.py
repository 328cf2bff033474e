"""The network of a bundle, read back from its graph, so that training can go on from it.

The graph keeps the names of the network's convolutions. Group normalisation is taken apart by the
exporter: its gain and offset are the factor and the summand that follow a named convolution. That
what was read is the network is proved by the bundle's own golden run, not assumed.
"""

import re
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from plugin.domain.errors import ConfigurationError, Reason
from worker.bundle import Bundle
from worker.training.network import SegmentationNetwork

_WRAPPER = "network."
_BLOCK = re.compile(r"((?:en|de)coders\.\d+\.\d+)\.0\.weight")
_NORM = re.compile(r"(?:en|de)coders\.\d+\.\d+\.1\.(?:weight|bias)")
_NORMALISATION = {"Mul": "weight", "Add": "bias"}
_CLOSEST = 1e-3


def network_of(bundle: Bundle) -> SegmentationNetwork:
    """Return the segmentation network of a bundle, in evaluation mode.

    Raises
    ------
    ConfigurationError
        ``BUNDLE_NOT_TRAINABLE``: the graph is not that of a network of this version.
    """
    spec = bundle.manifest.graph("segmentation")
    if spec is None:
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, f"{bundle.name}: no segmentation")
    weights = _weights(onnx.load(bundle.folder / spec.file))
    channels = channels_of(weights)
    if not channels:
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, f"{bundle.name}: unnamed weights")
    network = SegmentationNetwork(channels)
    wanted = network.state_dict()
    # A gain of one and an offset of zero may have been left out by the exporter.
    weights = {**{name: wanted[name] for name in wanted if _NORM.fullmatch(name)}, **weights}
    differing = [name for name, value in wanted.items() if not _fits(weights.get(name), value)]
    if differing:
        detail = f"{bundle.name}: {differing[0]} and {len(differing) - 1} further weights differ"
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, detail)
    network.load_state_dict({name: weights[name].reshape(wanted[name].shape) for name in wanted})
    network.eval()
    _require_golden(network, bundle)
    return network


def _weights(model: onnx.ModelProto) -> dict[str, Tensor]:
    stored = {
        entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy())
        for entry in model.graph.initializer
    }
    for node in model.graph.node:
        # Weights that are stored as float16 are cast back by the graph.
        if node.op_type == "Cast" and node.input[0] in stored:
            stored[node.output[0]] = stored.pop(node.input[0]).float()
    found = {name.removeprefix(_WRAPPER): value for name, value in stored.items()}
    block: str | None = None
    for node in model.graph.node:
        if node.op_type == "Conv":
            match = _BLOCK.fullmatch(node.input[1].removeprefix(_WRAPPER))
            block = None if match is None else match[1]
        elif block is not None and node.op_type in _NORMALISATION:
            known = [name for name in node.input if name in stored]
            if known:
                found[f"{block}.1.{_NORMALISATION[node.op_type]}"] = stored[known[0]]
    return found


def channels_of(weights: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the channels of a network's levels by the shapes of its weights; none: not one."""
    found: list[int] = []
    while (first := weights.get(f"encoders.{len(found)}.0.0.weight")) is not None:
        found.append(int(first.shape[0]))
    return tuple(found)


def _fits(found: Tensor | None, wanted: Tensor) -> bool:
    return found is not None and found.numel() == wanted.numel()


def _require_golden(network: SegmentationNetwork, bundle: Bundle) -> None:
    golden = next(one for one in bundle.manifest.golden if one.role == "segmentation")
    with np.load(bundle.folder / golden.file) as stored, torch.inference_mode():
        scores = network(torch.from_numpy(stored["images"])).numpy()
        off = float(np.abs(scores - stored["scores"]).max())
    if not off < _CLOSEST * max(1.0, float(np.abs(scores).max())):
        detail = f"{bundle.name}: the weights read back answer otherwise"
        raise ConfigurationError(Reason.BUNDLE_NOT_TRAINABLE, detail)
