"""Reads from an ONNX file what must be known before a runtime may load it.

Walks the protobuf wire format for operator domains and external tensor data, also inside
sub-graphs and functions, with the standard library only. Does not know what a graph computes.

References
----------
onnx/onnx.proto3 (field numbers). Protocol Buffers encoding, protobuf.dev/programming-guides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 16

# Message kinds, and which of their fields (numbers of onnx.proto3) lead to which other kind.
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse_tensor"},
    "function": {7: "node", 9: "opset"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse_tensor": {1: "tensor", 2: "tensor"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "opset": {},
    "entry": {},
}
_NODE_OP_TYPE, _NODE_DOMAIN, _FUNCTION_DOMAIN = 4, 7, 10
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_ENTRY_KEY, _ENTRY_VALUE = 1, 2


class WireError(ValueError):
    """The bytes are not a well-formed ONNX model."""


@dataclass(slots=True)
class GraphFacts:
    """What `read_facts` found."""

    domains: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    external_locations: set[str] = field(default_factory=set)
    opset: int = 0
    n_nodes: int = 0


def read_facts(data: bytes) -> GraphFacts:
    """Return operator domains, operators, external data locations and opset of a model.

    Raises
    ------
    WireError
        If the bytes cannot be a model, or nest deeper than any sane one.
    """
    facts = GraphFacts()
    _walk(memoryview(data), "model", facts, 0)
    if not facts.n_nodes:
        msg = "no node in the graph"
        raise WireError(msg)
    return facts


def _walk(data: memoryview, kind: str, facts: GraphFacts, depth: int) -> None:
    if depth > _MAX_DEPTH:
        msg = "graph nested too deeply"
        raise WireError(msg)
    values: dict[int, int | memoryview] = {}
    for number, value in _fields(data):
        values[number] = value
        child = _CHILDREN[kind].get(number)
        if child is not None and isinstance(value, memoryview):
            _walk(value, child, facts, depth + 1)
    _note(kind, values, facts)


def _note(kind: str, values: dict[int, int | memoryview], facts: GraphFacts) -> None:
    if kind == "node":
        facts.n_nodes += 1
        facts.operators.add(_text(values, _NODE_OP_TYPE))
        facts.domains.add(_text(values, _NODE_DOMAIN))
    elif kind == "function":
        facts.domains.add(_text(values, _FUNCTION_DOMAIN))
    elif kind == "opset":
        facts.domains.add(_text(values, _OPSET_DOMAIN))
        version = values.get(_OPSET_VERSION, 0)
        if not _text(values, _OPSET_DOMAIN) and isinstance(version, int):
            facts.opset = max(facts.opset, version)
    elif kind == "entry" and _text(values, _ENTRY_KEY) == "location":
        facts.external_locations.add(_text(values, _ENTRY_VALUE))


def _text(values: dict[int, int | memoryview], number: int) -> str:
    value = values.get(number, memoryview(b""))
    if isinstance(value, int):
        msg = "a number where a text belongs"
        raise WireError(msg)
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        msg = "a text is not UTF-8"
        raise WireError(msg) from error


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire_type == _LENGTH:
            length, position = _varint(data, position)
        elif wire_type in (_FIXED64, _FIXED32):
            length = 8 if wire_type == _FIXED64 else 4
        else:
            msg = "unknown wire type"
            raise WireError(msg)
        if position + length > len(data):
            msg = "a field runs past the end"
            raise WireError(msg)
        if wire_type == _LENGTH:
            yield number, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while position < len(data) and shift < 70:  # noqa: PLR2004 - ten bytes of seven bits
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - no continuation bit
            return value, position
        shift += 7
    msg = "a number does not end"
    raise WireError(msg)
