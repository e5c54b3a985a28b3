"""What `auto` means on this machine: device, arithmetic, attention kernel, batch size. Config -> `Machine`."""

import os
import time
from dataclasses import dataclass

import torch

from data.errors import PotstillError
from teacher_cache.config import CacheConfig
from teacher_cache.inference.lanes import cpu_threads
from teacher_cache.shards.plan import Plan, agreed
from teacher_cache.teacher.files import TeacherFiles
from teacher_cache.teacher.load import has_sdpa

CPU_BUDGET = 4_096  # sub-words of a batch: a few MB of activations, near the caches
GPU_BUDGETS = (65_536, 32_768, 16_384, 8_192, 4_096)  # the largest that fits; more gains nothing
SUBWORDS, TURNS = 256, 8  # size of the self-test
BF16_GAIN = 1.3  # bfloat16 on a CPU must beat float32 by this in the self-test


@dataclass(frozen=True)
class Machine:
    """Where and how the teacher runs; every field resolved."""

    device: str
    dtype: str
    attention: str
    token_budget: int


def choose(config: CacheConfig, files: TeacherFiles, there: Plan | None = None) -> Machine:
    """Resolve the `auto` values of a config. there: the plan of a cache that is resumed, whose values are kept."""
    device = choose_device(config.device)
    gpu = device.startswith("cuda")
    dtype, attention, budget = agreed(config, there).dtype, config.attention, config.token_budget
    if there is not None:
        dtype = there.dtype if dtype == "auto" else dtype
        attention = there.provenance["attention"] if attention == "auto" else attention
        budget = budget or there.token_budget
    if dtype == "auto":
        dtype = "bfloat16" if gpu or bf16_gain() >= BF16_GAIN else "float32"
    kernel = choose_attention(gpu, dtype) if attention == "auto" else attention
    return Machine(
        device=device,
        dtype=dtype,
        attention=kernel if kernel == "eager" or has_sdpa(files) else "eager",  # some families have eager only
        token_budget=budget or (gpu_budget(int(torch.cuda.mem_get_info(device)[0]), files) if gpu else CPU_BUDGET),
    )


def gpu_budget(free: int, files: TeacherFiles) -> int:
    """Pick the sub-words of a batch whose numbers take at most half of the bytes that a teacher's weights leave free.

    Counted in float32, twice what bfloat16 takes: all hidden states, eight more of their width, the widest layer twice.
    A batch that does not fit all the same is done again with half the budget (`session.process_shard`).
    """
    weights = sum(file["bytes"] for name, file in files.files.items() if name.endswith(".safetensors"))
    widest = int(files.config.get("intermediate_size") or files.config.get("hidden_dim") or 4 * files.width)
    each = 4 * ((files.depth + 9) * files.width + 2 * widest)
    return next((budget for budget in GPU_BUDGETS if budget * each <= (free - weights) // 2), GPU_BUDGETS[-1])


def choose_attention(gpu: bool, dtype: str) -> str:
    """Pick the faster kernel: sdpa, but eager for bfloat16 on a CPU.

    Measured on MiniLM-L6, one core of an EPYC with AVX512-BF16, texts of 12, 16 (masked), 48 and 128 sub-words: eager
    is 2 to 6 % faster than sdpa in bfloat16 (7,100 against 6,840 sub-words/s at 12) and 2 to 7 % slower in float32
    (3,260 against 3,350).
    """
    return "eager" if not gpu and dtype == "bfloat16" else "sdpa"


def bound_caches() -> None:
    """Keep the CPU kernels' caches small: they remember every shape of a batch, about 2 MB each, up to 1,024 shapes.

    Batches of one shape follow each other, so that sixteen entries serve as well. Measured over 110 shapes: 228 MB
    more memory with the defaults, none with these. Must come before the first layer runs.
    """
    for name in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(name, "16")


def choose_device(name: str) -> str:
    """Resolve auto, and refuse a GPU that is not there."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if count else "cpu"
    if name.startswith("cuda") and int(name.partition(":")[2] or 0) >= count:
        raise PotstillError(f"device {name} is not there: torch sees {count} GPUs", hint="devices: auto, cpu, cuda:N")
    return name


def own_device(device: str, number: int) -> str:
    """Name the GPU of the worker of a number; another device stays as it is."""
    gpus = count_gpus(device)
    return f"cuda:{number % gpus}" if gpus else device


def count_gpus(device: str) -> int:
    """Count the GPUs that workers can share among them; 0 where the device is the CPU, or one GPU by its number."""
    return torch.cuda.device_count() if device in ("auto", "cuda") and torch.cuda.is_available() else 0


def bf16_gain() -> float:
    """Measure how many times faster bfloat16 is than float32 on this CPU, on an encoder's widest layer.

    With AMX or AVX512-BF16 it pays; without them it is emulated, up to a hundred times slower. About 50 ms, in
    one thread and by its own CPU time: on a busy machine wall time, or threads that wait for each other, tell of it.
    """
    layers = {dtype: torch.nn.Linear(384, 1536, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)}
    best = dict.fromkeys(layers, float("inf"))
    with torch.inference_mode(), cpu_threads(1):
        for _ in range(TURNS):
            for dtype, layer in layers.items():
                rows = torch.full((SUBWORDS, 384), 0.5, dtype=dtype)  # [S, D] of MiniLM
                start = time.thread_time()
                layer(rows)
                best[dtype] = min(best[dtype], time.thread_time() - start)
    return best[torch.float32] / best[torch.bfloat16]
