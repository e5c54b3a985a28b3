"""Compare the sizes in a model's config with its weight files before anything is allocated.

Directory, config -> an error or nothing; and `Budget` for sizes that only the model's code computes: the model is built
on the meta device first, and the parameters and buffers that it registers are counted.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.guards.untrusted import read_json
from data.guards.weights import count_numbers, read_header
from data.layout import CONFIG, WEIGHTS

INDEX = f"{WEIGHTS}.index.json"
# Names of the same two sizes in different model families.
WIDTHS = ("hidden_size", "dim", "d_model", "n_embd", "emb_dim")
DEPTHS = ("num_hidden_layers", "n_layers", "num_layers", "n_layer", "encoder_layers")
MAX_DEPTH = 1_024  # layers that share their weights (ALBERT) are more than the file has tensors
MAX_OUTPUTS = 1 << 20  # transformers makes a name for each
SLACK = 1 << 24  # numbers a model may have that are not in its files: a head, a pooler, masks
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass
class Budget:
    """How much a model may register while it is built on the meta device (see `budget_of`). Raises when it is used up.

    tensors, numbers   parameters and buffers, and the numbers in them
    """

    path: Path
    tensors: int
    numbers: int

    def spend(self, module: Any, name: str, tensor: Any) -> None:
        """Count one tensor; called by torch whenever a parameter or buffer is registered."""
        if tensor is None or not tensor.is_meta:
            return
        self.tensors -= 1
        self.numbers -= tensor.numel()
        if self.tensors < 0 or self.numbers < 0:
            raise PotstillError(
                f"{self.path / CONFIG} describes a model several times larger than its weights: at {name}, shape "
                f"{list(tensor.shape)}",
                hint="config.json and the weights are not of one model",
                code=BAD_DATA,
            )


def read_headers(path: Path) -> dict[str, dict[str, Any]]:
    """Read the headers of all safetensors files into one table; every tensor and file of an index must exist."""
    entries: dict[str, dict[str, Any]] = {}
    files = sorted(file.name for file in path.glob("*.safetensors"))
    if not files:
        raise _no_weights(path)
    for name in files:
        entries |= read_header(path / name)
    if (path / INDEX).exists():
        named = read_json(path / INDEX).get("weight_map")
        if not isinstance(named, dict) or not all(isinstance(file, str) for file in named.values()):
            raise PotstillError(f"{path / INDEX} has no weight_map of names", code=BAD_DATA)
        if wrong := sorted(set(named.values()) - set(files)):
            raise PotstillError(f"{path / INDEX} names {wrong[0][:200]!r}, which is not in {path}", code=BAD_DATA)
        if unknown := sorted(named.keys() - entries.keys()):
            raise PotstillError(f"{path / INDEX} names {unknown[0][:200]!r}, which no file has", code=BAD_DATA)
    return entries


def check_sizes(path: Path, config: dict[str, Any], entries: dict[str, dict[str, Any]]) -> None:
    """Refuse a config whose sizes do not match the tensors, before anything is allocated by it."""
    for key, value in walk(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise _bad(path, key, value, "a finite number")
        if type(value) is int and abs(value) >= 1 << 31 and "max_length" not in key:
            raise _bad(path, key, value, "below 2,147,483,648")
    sizes = {size for entry in entries.values() for size in entry["shape"]}
    for key in WIDTHS:
        _check(path, config, key, lambda value: value in sizes, "a dimension of one of its tensors")
    most = max(MAX_DEPTH, len(entries))
    for key in DEPTHS:
        _check(path, config, key, lambda value: 1 <= value <= most, f"between 1 and {most:,}")
    _check(path, config, "vocab_size", lambda value: value in sizes, "a dimension of one of its tensors")
    _check(path, config, "num_labels", lambda value: 1 <= value <= MAX_OUTPUTS, f"between 1 and {MAX_OUTPUTS:,}")


def budget_of(path: Path) -> Budget:
    """Return the limit for a model of this directory: four times its files (tied weights), plus `SLACK`."""
    entries = read_headers(path)
    return Budget(path, 4 * len(entries) + 1_000, 4 * count_numbers(entries) + SLACK)


@contextmanager
def watching(budget: Budget, registry: Any) -> Iterator[None]:
    """Count what modules register while the block runs. registry: `torch.nn.modules.module`; no torch in this room."""
    handles = [
        registry.register_module_parameter_registration_hook(budget.spend),
        registry.register_module_buffer_registration_hook(budget.spend),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value inside a JSON value with the name of its field; a loop, since recursion has a limit."""
    waiting = [(key, value)]
    while waiting:
        name, item = waiting.pop()
        yield name, item
        if isinstance(item, dict):
            waiting += [(str(inner), content) for inner, content in item.items()]
        elif isinstance(item, list):
            waiting += [(name, content) for content in item]


def _check(path: Path, config: dict[str, Any], key: str, good: Any, what: str) -> None:
    value = config.get(key)
    if value is not None and not (type(value) is int and good(value)):
        raise _bad(path, key, value, what)


def _bad(path: Path, key: str, value: Any, what: str) -> PotstillError:
    return PotstillError(
        f"{path / CONFIG} says {key} {str(value)[:40]}, expected {what}",
        hint="config.json and the weights are not of one model",
        code=BAD_DATA,
    )


def _no_weights(path: Path) -> PotstillError:
    others = sorted(file.name for file in path.iterdir() if file.suffix in PICKLED)
    found = f" (only {', '.join(others)}: pickled weights can run code and are never read)" if others else ""
    return PotstillError(
        f"{path} holds no *.safetensors weights{found}",
        hint="load the model where you trust it and save it again: model.save_pretrained(DIR)",
        code=BAD_DATA if others else NO_INPUT,
    )
