"""Opens onnxruntime sessions; the only place that knows the runtime and its devices.

A device that was asked for and is not there is an error, never a silent step down to the CPU.
"""

import importlib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ConfigurationError, ModelError, Reason
from worker.bundle.manifest import GraphSpec, TensorSpec
from worker.model.memory import require_memory

Device = Literal["cpu", "cuda"]
_PROVIDERS: dict[str, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ERRORS_ONLY = 3


class GraphSession:
    """One graph, ready to run.

    Parameters
    ----------
    path
        The ONNX file, verified before (`worker.bundle`).
    spec
        What the manifest says about its inputs and outputs.
    device
        ``"cpu"`` or ``"cuda"``.
    threads
        Threads on the CPU; 0 lets the runtime take all cores.

    Raises
    ------
    ConfigurationError
        onnxruntime is not installed, CUDA was asked for and is not there, or memory is short.
    ModelError
        The graph cannot be loaded, or is not what the manifest says.
    """

    def __init__(self, path: Path, spec: GraphSpec, device: Device, threads: int = 0) -> None:
        runtime = _import_runtime()
        provider = _provider(runtime, device)
        folder = path.parents[len(Path(spec.file).parts) - 1]
        require_memory(path, spec.external_data, folder, device)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Waiting threads must not burn a core that the receiving node needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Shapes change from study to study, so the arena would keep the largest ever seen.
        options.enable_mem_pattern = False
        try:
            self._session = runtime.InferenceSession(
                str(path), sess_options=options, providers=[provider]
            )
        except Exception as error:
            if device == "cuda":
                raise ConfigurationError(Reason.DEVICE_UNAVAILABLE) from error
            raise ModelError(Reason.BUNDLE_INVALID, f"{spec.file} cannot be loaded") from error
        if provider not in self._session.get_providers():
            raise ConfigurationError(Reason.DEVICE_UNAVAILABLE)
        self._check_contract(spec)
        self.device = device
        self.output_names = [output.name for output in spec.outputs]

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """Run the graph; outputs in the manifest's order.

        Raises
        ------
        ModelError
            ``INFERENCE_FAILED``: the runtime gave up.
        """
        try:
            outputs = self._session.run(self.output_names, dict(inputs))
        except Exception as error:
            raise ModelError(Reason.INFERENCE_FAILED) from error
        return [np.asarray(output, dtype=np.float32) for output in outputs]

    def run_on_device(self, inputs: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
        """Run the graph and leave what it gives on the device.

        Parameters
        ----------
        inputs
            Arrays, or values that an earlier call gave; those are used where they are.
        wanted
            Names of the outputs to compute.

        Returns
        -------
        dict
            Values of the runtime by name; ``.numpy()`` copies one out.

        Raises
        ------
        ModelError
            ``INFERENCE_FAILED``: the runtime gave up.
        """
        binding = self._session.io_binding()
        for name, value in inputs.items():
            if isinstance(value, np.ndarray):
                binding.bind_cpu_input(name, value)
            else:
                binding.bind_ortvalue_input(name, value)
        for name in wanted:
            binding.bind_output(name, self.device)
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:
            raise ModelError(Reason.INFERENCE_FAILED) from error
        return dict(zip(wanted, binding.get_outputs(), strict=True))

    def _check_contract(self, spec: GraphSpec) -> None:
        _check_tensors(self._session.get_inputs(), spec.inputs, spec.file)
        _check_tensors(self._session.get_outputs(), spec.outputs, spec.file)


def _import_runtime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ConfigurationError(Reason.RUNTIME_MISSING) from error


def _provider(runtime: Any, device: str) -> str:
    provider = _PROVIDERS.get(device)
    if provider is None:
        raise ConfigurationError(Reason.SETTING_INVALID, "worker.device is neither cpu nor cuda")
    if device == "cuda":
        if provider not in runtime.get_available_providers():
            raise ConfigurationError(Reason.DEVICE_UNAVAILABLE, _both_runtimes())
        runtime.preload_dlls()
    return provider


def _both_runtimes() -> str:
    """Say when both distributions are installed: they share one folder, and either may have won."""
    try:
        for name in ("onnxruntime", "onnxruntime-gpu"):
            metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
    return "onnxruntime and onnxruntime-gpu are both installed: uninstall both, then install one"


def _check_tensors(found: Sequence[Any], expected: Sequence[TensorSpec], file: str) -> None:
    types = {"float32": "tensor(float)", "float16": "tensor(float16)", "int64": "tensor(int64)"}
    have = {tensor.name: tensor for tensor in found}
    if set(have) != {tensor.name for tensor in expected}:
        raise ModelError(Reason.BUNDLE_INVALID, f"{file} has other inputs or outputs")
    for tensor in expected:
        shape = have[tensor.name].shape
        same = have[tensor.name].type == types[tensor.dtype] and len(shape) == len(tensor.shape)
        fixed = [(a, b) for a, b in zip(shape, tensor.shape, strict=False) if isinstance(b, int)]
        if not same or any(a != b for a, b in fixed):
            raise ModelError(Reason.BUNDLE_INVALID, f"{file}: {tensor.name} has another shape")
