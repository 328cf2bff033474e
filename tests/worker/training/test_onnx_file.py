import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra train")
runtime = pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from onnx import helper, numpy_helper  # noqa: E402

from worker.training.onnx_file import (  # noqa: E402
    forget_the_machine,
    name_dimensions,
    opset_of,
    store_as_half,
)

pytestmark = pytest.mark.train
WEIGHT = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float16).astype(np.float32)
BIAS = np.arange(32, dtype=np.float32) / 3


@pytest.fixture
def model():
    """Write a linear layer as an exporter would, with a note of where it was written."""
    tensor = helper.make_tensor_value_info
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["y"]),
    ]
    weights = [numpy_helper.from_array(WEIGHT, "weight"), numpy_helper.from_array(BIAS, "bias")]
    graph = helper.make_graph(
        nodes,
        "layer",
        [tensor("x", onnx.TensorProto.FLOAT, ["s26", 64])],
        [tensor("y", onnx.TensorProto.FLOAT, ["s26", 32])],
        weights,
        value_info=[tensor("product", onnx.TensorProto.FLOAT, ["s26", 32])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    model.graph.node[0].metadata_props.add(key="stack_trace", value="/some/where/layer.py")
    return model


def run(model, x):
    return runtime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


def test_half_stored_weights_compute_the_same(model):
    x = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    before, n_bytes = run(model, x), len(model.SerializeToString())
    store_as_half(model)
    onnx.checker.check_model(model)
    assert np.array_equal(run(model, x), before)
    assert len(model.SerializeToString()) < 0.7 * n_bytes
    stored = {weight.name: weight.data_type for weight in model.graph.initializer}
    assert stored == {"weight_half": onnx.TensorProto.FLOAT16, "bias": onnx.TensorProto.FLOAT}


def test_dimensions_get_the_names_of_the_manifest(model):
    name_dimensions(model, {"x": ("batch", 64), "y": ("batch", 32)})
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert not model.graph.value_info


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"x": ("batch", "width"), "y": ("batch", 32)}, "x has another shape"),
        ({"x": (3, 64), "y": ("batch", 32)}, "x has another shape"),
        ({"x": ("batch", 64), "y": ("batch",)}, "y has another shape"),
        ({"x": ("batch", 64)}, "other inputs or outputs"),
    ],
)
def test_dimension_that_is_not_as_planned_is_an_error(model, shapes, words):
    with pytest.raises(ValueError, match=words):
        name_dimensions(model, shapes)


def test_notes_of_the_exporter_are_forgotten(model):
    forget_the_machine(model)
    assert b".py" not in model.SerializeToString()


def test_opset_is_that_of_the_standard_operators(model):
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 99))
    assert opset_of(model) == 20
