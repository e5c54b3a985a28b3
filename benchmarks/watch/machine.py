"""On what a measurement was taken: processor, cores, memory, load, versions."""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import psutil

OURS = ("torch", "transformers", "tokenizers", "pyarrow", "numpy")
RIVALS = ("sentence-transformers", "datasets", "nlpaug", "textattack", "textbrewer")
FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_tile")


def describe_machine() -> dict[str, Any]:
    """Name the machine as a reader of the table needs it."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "flags": cpu_flags(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def processor() -> str:
    text = _cpuinfo()
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def cpu_flags() -> list[str]:
    """Those instruction sets that decide how fast bfloat16 and float32 are."""
    found = re.search(r"flags\s*:\s*(.+)", _cpuinfo())
    return [flag for flag in FLAGS if found and flag in found.group(1).split()]


def versions() -> dict[str, str]:
    """Versions of the libraries in this process's environment; a missing one is left out."""
    found = {}
    for name in (*OURS, *RIVALS):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit(root: Path = Path(__file__).parent) -> str:
    """Which state of the code is measured; `-dirty` where files differ from it."""
    asked = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(asked, cwd=root, capture_output=True, text=True)
    return done.stdout.strip()


def load() -> float:
    """Mean number of running processes over the last minute, our own included."""
    return round(os.getloadavg()[0], 2)


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text("utf-8", "replace") if path.is_file() else ""
