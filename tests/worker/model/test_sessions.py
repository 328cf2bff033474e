"""What is said when the inference runtime is not the one that was asked for."""

from importlib import metadata
from types import SimpleNamespace

import pytest

from plugin.domain.errors import ConfigurationError, Reason
from worker.model import sessions

CPU_ONLY = SimpleNamespace(get_available_providers=lambda: ["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("installed", "is_told"),
    [
        ({"onnxruntime"}, False),
        ({"onnxruntime-gpu"}, False),
        ({"onnxruntime", "onnxruntime-gpu"}, True),
    ],
)
def test_both_runtimes_installed_is_told_when_cuda_is_missing(monkeypatch, installed, is_told):
    def version(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(sessions.metadata, "version", version)
    with pytest.raises(ConfigurationError) as caught:
        sessions._provider(CPU_ONLY, "cuda")
    assert caught.value.reason is Reason.DEVICE_UNAVAILABLE
    assert ("both installed" in caught.value.sentence) is is_told
