"""A graph larger than what is free is refused before a runtime tries it."""

import pytest

from plugin import machine
from plugin.domain.errors import ConfigurationError, Reason
from worker.model import memory
from worker.model.memory import TIMES_THE_FILE, require_memory

MEBIBYTE = 1024**2


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "decoder.onnx").write_bytes(b"x" * 1000)
    (tmp_path / "graphs" / "weights.bin").write_bytes(b"x" * 9000)
    return tmp_path / "graphs" / "decoder.onnx"


def require(graph, device="cpu"):
    require_memory(graph, ("graphs/weights.bin",), graph.parent.parent, device)


def test_graph_with_its_outside_weights_must_fit(graph, monkeypatch):
    monkeypatch.setattr(memory, "free_memory_bytes", lambda: TIMES_THE_FILE * 10_000)
    require(graph)
    monkeypatch.setattr(memory, "free_memory_bytes", lambda: TIMES_THE_FILE * 10_000 - 1)
    with pytest.raises(ConfigurationError, match=r"decoder\.onnx: 0 MiB needed") as refused:
        require(graph)
    assert refused.value.reason is Reason.BUNDLE_TOO_LARGE


def test_card_with_most_room_counts_on_a_gpu(graph, monkeypatch):
    cards = [
        {"memory_total_bytes": 100, "memory_used_bytes": 90},
        {"memory_total_bytes": 90_000, "memory_used_bytes": 0},
    ]
    monkeypatch.setattr(memory, "free_memory_bytes", lambda: 0)
    monkeypatch.setattr(memory, "graphics_cards", lambda: cards)
    require(graph, "cuda")
    cards.pop()
    with pytest.raises(ConfigurationError):
        require(graph, "cuda")


def test_what_cannot_be_read_is_not_judged(graph, monkeypatch):
    monkeypatch.setattr(memory, "free_memory_bytes", lambda: None)
    monkeypatch.setattr(memory, "graphics_cards", list)
    for device in ("cpu", "cuda"):
        require(graph, device)


@pytest.mark.parametrize(
    ("limit", "free"), [("max", 3 * MEBIBYTE), (str(2 * MEBIBYTE), MEBIBYTE), (None, 3 * MEBIBYTE)]
)
def test_limit_of_a_container_counts_too(tmp_path, limit, free):
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 3072 kB\n")
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{MEBIBYTE}\n")
    assert machine.free_memory_bytes(tmp_path, tmp_path) == free
    assert machine.free_memory_bytes(tmp_path / "no", tmp_path / "no") is None
