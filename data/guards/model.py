"""Check an untrusted Hugging Face model directory before a library opens it: directory → its config, or an error.

Checked with the standard library alone, so that nothing is run or allocated before: regular files within the directory,
JSON of bounded size and depth, no code and no kernel from elsewhere, and a config whose sizes match the weights.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.guards.sizes import check_sizes, read_headers, walk
from data.guards.untrusted import read_json
from data.layout import CONFIG, SPECIAL_TOKENS, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS

# Files that a fast tokenizer may be read from, besides `*.model` (SentencePiece).
TOKENIZER_FILES = (
    *(TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS, "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
)
# Files that neither potstill nor transformers (with `use_safetensors`) opens. All others may be opened.
UNREAD = (
    *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack", ".onnx", ".gguf", ".tflite", ".ot"),
    *(".py", ".md", ".npz", ".npy", ".joblib"),
)
# Files that transformers may read settings from; other *config.json are not read, and may have any form.
CONFIGS = (
    *(CONFIG, TOKENIZER_CONFIG, "processor_config.json", "preprocessor_config.json", "generation_config.json"),
    *("video_preprocessor_config.json", "image_processor_config.json"),
)
MAX_FILES = 4_096
ATTENTION = (None, "eager", "sdpa", "flex_attention")  # what is built in; other names fetch a kernel from the hub


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

    patterns = [CONFIG, "*.safetensors", "*.safetensors.index.json", "*.model", *TOKENIZER_FILES]
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
    """Return the directory that links may point into: the model's own, or its repository in the hub's cache."""
    real = path.resolve()
    in_hub = real.parent.name == "snapshots" and real.parent.parent.name.startswith("models--")
    return real.parent.parent if in_hub else real


def refuse_code(path: Path, config: dict[str, Any]) -> None:
    """Refuse a directory that needs its own code, an attention kernel from the hub, or files of another model."""
    for name in (file for file in CONFIGS if (path / file).exists()):
        values = config if name == CONFIG else read_json(path / name)
        for key, value in walk(values):
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


def _entries(path: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield the files of the directory and of the one subfolder that transformers reads."""
    for folder in (path, path / "additional_chat_templates"):
        if folder.is_dir():
            with os.scandir(folder) as entries:
                yield from entries


def _target(file: Path) -> Path:
    try:
        return file.resolve(strict=True)
    except (OSError, RuntimeError):  # a dead link, or a ring of them
        raise PotstillError(f"{file} is a link that leads nowhere", code=BAD_DATA) from None


def _refuse_kernels(path: Path, config: dict[str, Any]) -> None:
    for key, value in walk(config):
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
    if config.get("transformers_weights") not in (None, WEIGHTS):
        raise PotstillError(f"{path / CONFIG} names other weights than {WEIGHTS}", code=BAD_DATA)


def _refuse_other_files(path: Path, values: dict[str, Any]) -> None:
    """Refuse a tokenizer_config.json that names files outside the directory; paths that lead nowhere are ignored."""
    versions = values.get("fast_tokenizer_files") or []
    if not isinstance(versions, list) or any(name != TOKENIZER for name in versions):
        raise PotstillError(f"{path / TOKENIZER_CONFIG} names other fast_tokenizer_files", code=BAD_DATA)
    for key, value in values.items():
        if not (key.endswith("_file") and isinstance(value, str)) or (path / Path(value).name).is_file():
            continue
        if (path / value).exists():  # a leftover of the machine it was saved on leads nowhere, and is never opened
            raise PotstillError(
                f"{path / TOKENIZER_CONFIG} names {value[:200]!r} ({key}), outside the directory", code=BAD_DATA
            )
