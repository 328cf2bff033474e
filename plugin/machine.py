"""How busy this machine and this process are, read from the Linux kernel and the NVIDIA driver.

What cannot be read is left out; nothing here fails.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_GROUPS = Path("/sys/fs/cgroup")
_GPU_FIELDS = "name,utilization.gpu,memory.used,memory.total"
_GPU_SECONDS = 5.0
_MEBIBYTE = 1024**2


class LoadMeter:
    """Measures the load between two looks; the first one covers the time since the start.

    Parameters
    ----------
    with_gpu
        Also ask the driver (``nvidia-smi``).
    proc
        Folder of the kernel's figures.
    """

    def __init__(self, *, with_gpu: bool = False, proc: Path = _PROC) -> None:
        self._with_gpu = with_gpu
        self._proc = proc
        self._before = (0, 0)

    def look(self) -> dict[str, Any]:
        """Return ``cpu_percent``, ``memory_*_bytes`` and ``gpus``, as far as they are known."""
        found: dict[str, Any] = {
            **self._processors(),
            **self._memory(),
            "n_processors": os.cpu_count(),
        }
        if self._with_gpu:
            found["gpus"] = graphics_cards()
        return found

    def _processors(self) -> dict[str, float]:
        try:
            first = (self._proc / "stat").read_text(encoding="ascii").splitlines()[0]
            ticks = [int(word) for word in first.split()[1:9]]
            idle, total = ticks[3] + ticks[4], sum(ticks)
        except (OSError, ValueError, IndexError):
            return {}
        passed, rested = total - self._before[1], idle - self._before[0]
        self._before = (idle, total)
        return {"cpu_percent": round(100 * (1 - rested / passed), 1)} if passed > 0 else {}

    def _memory(self) -> dict[str, int]:
        found = {}
        try:
            lines = (self._proc / "meminfo").read_text(encoding="ascii").splitlines()
            sizes = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}
            found["memory_total_bytes"] = sizes["MemTotal"]
            found["memory_used_bytes"] = sizes["MemTotal"] - sizes["MemAvailable"]
            pages = (self._proc / "self" / "statm").read_text(encoding="ascii").split()[1]
            found["process_bytes"] = int(pages) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError, KeyError):
            return found
        return found


def free_memory_bytes(proc: Path = _PROC, groups: Path = _GROUPS) -> int | None:
    """Return what this process may still take, of the machine and of its container; or None."""
    found = []
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
        sizes = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}
        found.append(sizes["MemAvailable"])
    except (OSError, ValueError, IndexError, KeyError):
        pass
    try:
        limit, used = (
            int((groups / name).read_text(encoding="ascii"))
            for name in ("memory.max", "memory.current")
        )
        found.append(max(limit - used, 0))
    except (OSError, ValueError):  # no limit is "max"
        pass
    return min(found, default=None)


def graphics_cards() -> list[dict[str, Any]]:
    """Return load and memory of each NVIDIA card; none where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={_GPU_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(  # noqa: S603 - a program of the driver, without input
            command, capture_output=True, text=True, timeout=_GPU_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [card for line in said.splitlines() if (card := _card(line))]


def _card(line: str) -> dict[str, Any]:
    try:
        name, used_percent, used, total = (word.strip() for word in line.rsplit(",", 3))
        return {
            "name": name,
            "used_percent": float(used_percent),
            "memory_used_bytes": int(float(used) * _MEBIBYTE),
            "memory_total_bytes": int(float(total) * _MEBIBYTE),
        }
    except ValueError:
        return {}
