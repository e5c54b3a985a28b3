"""A Hugging Face model directory that nobody trusts: which files a library may open there, and what its JSON may claim.

Checked here, with the standard library alone, so that nothing of a directory is run or allocated before: regular files
within the directory, JSON of bounded size and depth, no code and no kernel of its own, and a config whose sizes are
those of the weights.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.weights import count_numbers, open_regular, read_header

CONFIG, INDEX, TOKENIZER_CONFIG = "config.json", "model.safetensors.index.json", "tokenizer_config.json"
# What a fast tokenizer may be read from, besides `*.model` (SentencePiece).
TOKENIZER = (
    *("tokenizer.json", TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
)
# Never opened by us nor, under `use_safetensors`, by transformers. Everything else in the directory may be.
UNREAD = (
    *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack", ".onnx", ".gguf", ".tflite", ".ot"),
    *(".py", ".md", ".npz", ".npy", ".joblib"),
)
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
MAX_JSON = 16 << 20
MAX_FILES = 4_096
ATTENTION = (None, "eager", "sdpa", "flex_attention")  # what is built in; other names fetch a kernel from the hub
WIDTHS = ("hidden_size", "dim", "d_model", "n_embd")
DEPTHS = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")
MAX_DEPTH = 1_024  # layers that share their weights (ALBERT) are more than the file has tensors
MAX_OUTPUTS = 1 << 20  # transformers makes a name for each
SLACK = 1 << 24  # numbers a model may have beyond its file: a head, a pooler, masks


@dataclass
class Budget:
    """What a model may register while it is built without memory; see `budget_of`. Counts down and refuses below 0.

    tensors, numbers   parameters and buffers, and the numbers in them
    """

    path: Path
    tensors: int
    numbers: int

    def spend(self, module: Any, name: str, tensor: Any) -> None:
        """Count one tensor: a hook of torch's registration of parameters and buffers."""
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


def find_model(name: str | Path, *, role: str = "model") -> Path:
    """Return the directory of a model; a hub name is downloaded to (or found in) the hub's cache, without pickles."""
    path = Path(name)
    if path.is_dir():
        return path
    if path.exists() or isinstance(name, Path) or str(name).count("/") > 1 or str(name)[:1] in "./~":
        raise PotstillError(
            f"{role} {name} is not a directory",
            hint="name a directory written by `potstill teach` or save_pretrained, or a model on the Hugging Face hub",
            code=NO_INPUT,
        )
    from huggingface_hub import snapshot_download

    patterns = [CONFIG, "*.safetensors", "*.safetensors.index.json", "*.model", *TOKENIZER]
    try:
        return Path(snapshot_download(str(name), allow_patterns=patterns))
    except Exception as error:  # the hub client raises a dozen kinds; all mean that the model is not here
        raise PotstillError(
            f"{role} {name!r} is no directory here and could not be had from the Hugging Face hub: {error}",
            hint="check the name and the network, or name a local directory",
            code=NO_INPUT,
        ) from None


def check_model(path: Path) -> dict[str, Any]:
    """Check all files of a model directory and return its config. Errors: BAD_DATA, or NO_INPUT for what is missing."""
    if not (path / CONFIG).exists():
        raise PotstillError(f"{path} is no model directory: it has no {CONFIG}", code=NO_INPUT)
    check_files(path)
    config = read_json(path / CONFIG)
    refuse_code(path, config)
    check_sizes(path, config, read_headers(path))
    return config


def check_files(path: Path) -> None:
    """Refuse a pipe, a device, or a link out of the directory, under any name that a library might open."""
    root = root_of(path)
    for number, entry in enumerate(_entries(path)):
        if number > MAX_FILES:
            raise PotstillError(f"{path} holds more than {MAX_FILES:,} files", code=BAD_DATA)
        if entry.name.endswith(UNREAD):
            continue
        file = Path(entry.path)
        if entry.is_symlink() and not _target(file).is_relative_to(root):
            raise PotstillError(f"{file} is a link out of the model directory", code=BAD_DATA)
        if not entry.is_dir() and not entry.is_file():
            raise PotstillError(f"{file} is not a file (a pipe, a device or a dead link)", code=BAD_DATA)


def root_of(path: Path) -> Path:
    """The directory that links may lead into: the model's own, or its repository in the hub's cache of blobs."""
    real = path.resolve()
    in_hub = real.parent.name == "snapshots" and real.parent.parent.name.startswith("models--")
    return real.parent.parent if in_hub else real


def read_json(path: Path, *, max_bytes: int = MAX_JSON) -> dict[str, Any]:
    """Read a JSON object of bounded size and depth."""
    with os.fdopen(open_regular(path), "rb") as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise PotstillError(f"{path} has more than {max_bytes:,} bytes", code=BAD_DATA)
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise PotstillError(f"{path} is not readable JSON: {error}", code=BAD_DATA) from None
    if not isinstance(values, dict):
        raise PotstillError(f"{path} holds no JSON object but {str(values)[:40]!r}", code=BAD_DATA)
    return values


def refuse_code(path: Path, config: dict[str, Any]) -> None:
    """Refuse a directory that asks for code of its own, for a kernel of the hub's, or for another model's files."""
    for name in sorted({CONFIG, *(file.name for file in path.glob("*config.json") if file.is_file())}):
        values = config if name == CONFIG else read_json(path / name)
        for key, value in _walk(values):
            if key == "auto_map" and value:
                raise PotstillError(
                    f"{path / name} asks to run code of its own (auto_map): {str(value)[:200]}",
                    hint="potstill runs no code from model directories: use an architecture that transformers has "
                    "built in",
                    code=BAD_DATA,
                )
            if key == "trust_remote_code" and value:
                raise PotstillError(f"{path / name} asks for trust_remote_code", code=BAD_DATA)
    _refuse_kernels(path, config)
    if (path / "adapter_config.json").exists():
        raise PotstillError(
            f"{path} is an adapter over another model", hint="merge it first: merge_and_unload()", code=BAD_DATA
        )
    if (path / TOKENIZER_CONFIG).exists():
        _refuse_other_files(path, read_json(path / TOKENIZER_CONFIG))


def read_headers(path: Path) -> dict[str, dict[str, Any]]:
    """Read the headers of all safetensors files, as one table; what an index names must be here."""
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
            raise PotstillError(f"{path / INDEX} names the tensor {unknown[0][:200]!r}, which no file has")
    return entries


def check_sizes(path: Path, config: dict[str, Any], entries: dict[str, dict[str, Any]]) -> None:
    """Refuse a config whose sizes are not those of the tensors, before anything is allocated by it."""
    for key, value in _walk(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise _bad(path, key, value, "a finite number")
        if type(value) is int and abs(value) >= 1 << 31 and "max_length" not in key:
            raise _bad(path, key, value, "below 2,147,483,648")
    sizes = {size for entry in entries.values() for size in entry["shape"]}
    for key in WIDTHS:
        _check(path, config, key, lambda value: value in sizes, "a dimension of one of its tensors")
    for key in DEPTHS:
        most = max(MAX_DEPTH, len(entries))
        _check(path, config, key, lambda value: 1 <= value <= most, f"between 1 and {most:,}")
    _check(path, config, "vocab_size", lambda value: value in sizes, "a dimension of one of its tensors")
    _check(path, config, "num_labels", lambda value: 1 <= value <= MAX_OUTPUTS, f"between 1 and {MAX_OUTPUTS:,}")


def budget_of(path: Path) -> Budget:
    """What a model of this directory may register: four times its file (tied weights), and some small change."""
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


@contextmanager
def refusing(what: str, *, hint: str = "") -> Iterator[None]:
    """Turn whatever a library raises over untrusted files into BAD_DATA: `what` and its first line.

    A panic of the Rust libraries is no `Exception` to Python and would end the process as a bug of ours.
    """
    try:
        yield
    except PotstillError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise PotstillError(f"{what}: {first}", hint=hint, code=BAD_DATA) from None


def _entries(path: Path) -> Iterator["os.DirEntry[str]"]:
    """Files of the directory, and of the only folder in it that transformers looks into."""
    for folder in (path, path / "additional_chat_templates"):
        if folder.is_dir():
            with os.scandir(folder) as entries:
                yield from entries


def _target(file: Path) -> Path:
    try:
        return file.resolve(strict=True)
    except (OSError, RuntimeError):  # a dead link, or a ring of them
        raise PotstillError(f"{file} is a link that leads nowhere", code=BAD_DATA) from None


def _walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a JSON value, with the name of the closest field; a loop, for depth is not ours to choose."""
    waiting = [(key, value)]
    while waiting:
        name, item = waiting.pop()
        yield name, item
        if isinstance(item, dict):
            waiting += [(str(inner), content) for inner, content in item.items()]
        elif isinstance(item, list):
            waiting += [(name, content) for content in item]


def _refuse_kernels(path: Path, config: dict[str, Any]) -> None:
    for key, value in _walk(config):
        names = value.values() if isinstance(value, dict) else [value]
        if key.strip("_").removesuffix("_internal") == "attn_implementation":
            for name in names:
                if not (name is None or isinstance(name, str)) or name not in ATTENTION:
                    raise PotstillError(
                        f"{path / CONFIG} asks for the attention kernel {str(name)[:80]!r}",
                        hint=f"built in are {', '.join(filter(None, ATTENTION))}: take the line {key} out",
                        code=BAD_DATA,
                    )
    if config.get("quantization_config"):
        raise PotstillError(
            f"{path} holds quantised weights, which need code beyond transformers",
            hint="load it where you trust it, dequantise it and save it again: model.dequantize()",
            code=BAD_DATA,
        )
    if config.get("transformers_weights") not in (None, "model.safetensors"):
        raise PotstillError(f"{path / CONFIG} names other weights than model.safetensors", code=BAD_DATA)


def _refuse_other_files(path: Path, values: dict[str, Any]) -> None:
    """Names of files in tokenizer_config.json: leftovers of the machine it was saved on, or paths to be read."""
    versions = values.get("fast_tokenizer_files") or []
    if not isinstance(versions, list) or any(name != "tokenizer.json" for name in versions):
        raise PotstillError(f"{path / TOKENIZER_CONFIG} names other fast_tokenizer_files", code=BAD_DATA)
    for key, value in values.items():
        if not (key.endswith("_file") and isinstance(value, str)) or (path / Path(value).name).is_file():
            continue
        if (path / value).exists():  # a leftover of the machine it was saved on leads nowhere, and is never opened
            raise PotstillError(
                f"{path / TOKENIZER_CONFIG} names {value[:200]!r} ({key}), outside the directory", code=BAD_DATA
            )


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
