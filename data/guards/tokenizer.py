"""Check an untrusted `tokenizer.json`: its size, and, if it has unusual steps, its cost on hostile texts.

A tokenizer file can hold regular expressions, replacements and tables that rewrite characters. Those of common models
are known to be linear in the text, so such a file is only read. Any other one is run on hostile texts in a process of
its own (`tokenizer_trial.py`); if that runs out of time or memory, the file is refused.
"""

import base64
import functools
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, PotstillError
from data.guards.untrusted import read_json
from data.layout import TOKENIZER

MAX_BYTES = 64 << 20  # the largest in use, of 256,000 sub-words, has 33 MB
MAX_PADDING = 1 << 16  # sub-words; a file may ask that every text is padded to a length
CPU_SECONDS, WALL_SECONDS, MEMORY = 5, 60, 4 << 30
TRIAL = Path(__file__).with_name("tokenizer_trial.py")

PLAIN = {
    *("Sequence", "BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Nmt"),
    *("ByteLevel", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Metaspace", "Punctuation", "Digits"),
    *("UnicodeScripts", "CharDelimiterSplit"),
}
_WORD = r"'s|'t|'re|'ve|'m|'ll|'d"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# Patterns of GPT-2, Llama 3, Qwen 2, GPT-4 and CLIP: they never read further than they match, so they are linear.
KNOWN = {
    _WORD + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    *(rf"(?i:{_WORD})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{many}|{_REST}" for many in ("", "{1,3}", "{1,2}")),
    r"<\|startoftext\|>|<\|endoftext\|>|" + _WORD + r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
}
# One character or class, possibly repeated: it cannot backtrack.
SIMPLE = re.compile(r"(\\p\{\w+\}|\\[a-zA-Z]|\[[^\[\]]+\]|[^\\()*+?{}|\[\]^$])([+]|\{\d{1,3}(,\d{0,3})?\})?")
MAX_WORD = 1_000  # characters of a word that WordPiece looks up (usually 100): its time grows with their square
MAX_PIECE = 512  # characters of a Unigram piece: the work for each character of a text
MAX_REWRITE = 64  # bytes that a character may become; 33 in Unicode's own tables (U+FDFA)


def check_tokenizer(path: Path) -> None:
    """Refuse (BAD_DATA) a tokenizer.json that is none, or with which some text takes too much time or memory."""
    values = read_json(path, max_bytes=MAX_BYTES)
    model, padding = values.get("model"), values.get("padding")
    if not isinstance(model, dict):
        raise PotstillError(f"{path} is no tokenizer: it has no model", code=BAD_DATA)
    strategy = padding.get("strategy") if isinstance(padding, dict) else None
    fixed = strategy.get("Fixed") if isinstance(strategy, dict) else 0
    multiple = (padding.get("pad_to_multiple_of") if isinstance(padding, dict) else 0) or 0
    if not all(isinstance(value, int) and value <= MAX_PADDING for value in (fixed, multiple)):
        raise PotstillError(f"{path} pads every text to {fixed or multiple} sub-words", code=BAD_DATA)
    longest = model.get("max_input_chars_per_word", 0)
    if not isinstance(longest, int) or longest > MAX_WORD:
        raise PotstillError(f"{path} looks words of up to {longest} characters up, above {MAX_WORD}", code=BAD_DATA)
    if reasons := sorted(set(odd(values))):
        state = path.stat()
        _try(path, (state.st_size, state.st_mtime_ns), "; ".join(reasons)[:300])


def check_tokenizers(path: Path) -> None:
    """Check a model directory's tokenizer.json, or that its SentencePiece file can be converted to one."""
    if (path / TOKENIZER).exists():
        return check_tokenizer(path / TOKENIZER)
    models = sorted(file.name for file in path.glob("*.model"))
    try:
        there = all(importlib.util.find_spec(name) for name in ("sentencepiece", "google.protobuf"))
    except ModuleNotFoundError:  # of the parent package
        there = False
    if models and not there:
        raise PotstillError(
            f"{path} has no tokenizer.json but {models[0]}, which takes the sentencepiece library to read",
            hint="pip install 'potstill[sentencepiece]'",
        )
    return None


def odd(values: dict[str, Any]) -> Iterator[str]:
    """Yield the steps of a tokenizer that are not known to be harmless."""
    for role in ("normalizer", "pre_tokenizer"):
        for step in _steps(values.get(role)):
            if (reason := _odd_step(step)) is not None:
                yield f"its {role} {reason}"
    if len(json.dumps(values.get("post_processor"))) > 1 << 16:
        yield "its post_processor is larger than 64 kB"
    model = values["model"]
    if model.get("type") == "Unigram" or isinstance(model.get("vocab"), list):
        pieces = (item[0] for item in model.get("vocab") or [] if isinstance(item, list) and item)
        if any(not isinstance(piece, str) or len(piece) > MAX_PIECE for piece in pieces):
            yield f"it has pieces of more than {MAX_PIECE} characters"


@functools.cache
def _try(path: Path, state: tuple[int, int], reason: str) -> None:
    """Run the tokenizer on hostile texts in a process of its own; once a process for an unchanged file."""
    limits = [str(value) for value in (CPU_SECONDS, MEMORY)]
    try:
        # -P: the folder of the script does not come before installed packages
        done = subprocess.run(
            [sys.executable, "-P", str(TRIAL), str(path), *limits],
            capture_output=True,
            timeout=WALL_SECONDS,
            check=False,
        )
        end = "" if done.returncode == 0 else done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        failed = done.returncode != 0
    except subprocess.TimeoutExpired:
        failed, end = True, f"{WALL_SECONDS} s"
    if failed:
        raise PotstillError(
            f"{path} is refused: {reason}; tried on texts of one repeated character, it did not end well within "
            f"{CPU_SECONDS} s and {MEMORY >> 30} GiB ({end or 'stopped'})",
            hint="a tokenizer of a common model family is not tried at all",
            code=BAD_DATA,
        )


def _steps(value: Any) -> Iterator[Any]:
    """Yield the steps of a normalizer or pre-tokenizer; a sequence is flattened."""
    waiting = [value]
    while waiting:
        step = waiting.pop()
        if isinstance(step, dict):
            waiting += [*(step.get("normalizers") or []), *(step.get("pretokenizers") or [])]
        if step is not None:
            yield step


def _odd_step(step: Any) -> str | None:
    kind = step.get("type") if isinstance(step, dict) else None
    if kind in PLAIN:
        return None
    if kind in ("Replace", "Split"):
        return _odd_pattern(kind, step.get("pattern"), step.get("content", ""))
    if kind == "Prepend":
        return None if len(str(step.get("prepend"))) <= 8 else "puts a long text before every other"
    if kind == "Precompiled":
        return _odd_table(step.get("precompiled_charsmap"))
    return f"has a step {str(kind)[:40]!r}"


def _odd_pattern(kind: str, pattern: Any, content: Any) -> str | None:
    literal = pattern.get("String") if isinstance(pattern, dict) else None
    regex = pattern.get("Regex") if isinstance(pattern, dict) else None
    if not isinstance(literal or regex, str) or not isinstance(content, str):
        return f"has a {kind} without a pattern"
    if regex is not None and regex not in KNOWN and not SIMPLE.fullmatch(regex):
        return f"has a pattern of its own: {regex[:80]!r}"
    if len(content) > len(literal or "-"):
        return f"replaces {str(literal or regex)[:40]!r} by something longer"
    return None


def _odd_table(table: Any) -> str | None:
    """Return what is unusual in SentencePiece's rewrite table (4 bytes of length, a trie, zero-terminated texts)."""
    try:
        raw = base64.b64decode(table or "", validate=True)
    except (ValueError, TypeError):
        return "has a table of characters that cannot be read"
    texts = raw[4 + int.from_bytes(raw[:4], "little") :].split(b"\0")
    return "rewrites a character to a long text" if max(map(len, texts)) > MAX_REWRITE else None
