"""What is done to an ONNX file after the exporter: notes removed, names given, size halved.

Knows the file format, not what a graph computes.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

Shape = tuple[int | str, ...]
_SMALLEST_HALVED = 1024


def opset_of(model: onnx.ModelProto) -> int:
    """Version of the standard operators that a model uses."""
    return max(int(entry.version) for entry in model.opset_import if entry.domain == "")


def forget_the_machine(model: onnx.ModelProto) -> None:
    """Remove stack traces and other notes of the exporter: they name paths of this machine."""
    del model.metadata_props[:]
    model.doc_string = ""
    _forget_graph(model.graph)
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
            node.doc_string = ""


def name_dimensions(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> None:
    """Give the free dimensions of inputs and outputs the names that the manifest uses.

    Raises
    ------
    ValueError
        A tensor has another shape, or a dimension that should be free was fixed by the exporter.
    """
    tensors = [*model.graph.input, *model.graph.output]
    if sorted(tensor.name for tensor in tensors) != sorted(shapes):
        msg = "the graph has other inputs or outputs"
        raise ValueError(msg)
    for tensor in tensors:
        dimensions = tensor.type.tensor_type.shape.dim
        wanted = shapes[tensor.name]
        fits = len(dimensions) == len(wanted)
        for dimension, name in zip(dimensions, wanted, strict=False):
            if isinstance(name, str) and dimension.HasField("dim_param"):
                dimension.dim_param = name
            else:
                fits &= dimension.dim_value == name
        if not fits:
            msg = f"{tensor.name} has another shape"
            raise ValueError(msg)
    # Shapes between the nodes use the exporter's own names, which no longer mean anything.
    del model.graph.value_info[:]


def store_as_half(model: onnx.ModelProto) -> None:
    """Keep large float32 weights as float16, cast back by the graph itself.

    Halves the file. Runtimes fold the cast when they load the graph, so it computes in float32 and
    as fast as before; nothing changes when the weights were rounded to float16 beforehand.
    """
    graph = model.graph
    casts: list[onnx.NodeProto] = []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _SMALLEST_HALVED:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(
            helper.make_node(
                "Cast", [weight.name], [name], f"{name}_cast", to=onnx.TensorProto.FLOAT
            )
        )
    nodes: Iterable[onnx.NodeProto] = [*casts, *graph.node]
    copied = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copied)


def _forget_graph(graph: onnx.GraphProto) -> None:
    del graph.metadata_props[:]
    graph.doc_string = ""
    for item in (*graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
