"""Atomic file writing: every file of potstill appears complete or not at all.

A file is written under a temporary name in the same folder, flushed to the disk, renamed (`replacing`) or linked
(`put`, `add`: only if the name is free), and the folder is flushed. So a reader never sees half a file, of two
writers one wins, and a crash leaves only `*.tmp-*` files, which `sweep` removes.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from data.errors import BAD_DATA, NO_INPUT, PotstillError

BLOCK = 1 << 20
CHECK = "check"  # the field of a record that holds the hash of the others
LEFT = re.compile(r".+\.tmp-(\d+)-[0-9a-f]{8}")  # what `temporary` names, and nobody else
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with replacing(path) as tmp:
        tmp.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically (sorted keys, so equal values give equal bytes)."""
    write_bytes(path, to_json(value))


def read_json(path: Path, *, hint: str = "") -> Any:
    """Read JSON; a missing or torn file is a clear error."""
    return parse_json(path, read_bytes(path, hint=hint), hint=hint)


def read_bytes(path: Path, *, hint: str = "") -> bytes:
    """Read a whole file. Errors: it is missing (NO_INPUT)."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PotstillError(f"{path} is not there", hint=hint, code=NO_INPUT) from None


def size_of(path: Path) -> int | None:
    """Bytes of a file; None where there is no regular file, also when another process has just moved it away."""
    try:
        about = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return about.st_size if stat.S_ISREG(about.st_mode) else None


def parse_json(path: Path, content: bytes, *, hint: str = "") -> Any:
    """Parse the bytes of a JSON file. Errors: torn or damaged (BAD_DATA)."""
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, a number of more than 4,300 digits
        raise PotstillError(f"{path} is not readable JSON: {error}", hint=hint, code=BAD_DATA) from None


def to_record(values: dict[str, Any]) -> bytes:
    """Write values as JSON with a hash over them in `check`, by which any later change is found."""
    plain = json.loads(to_json(values))  # as a reader gets it: keys are texts there
    return to_json({**plain, CHECK: digest_of(plain)})


def read_record(path: Path, names: Iterable[str], *, hint: str = "") -> dict[str, Any]:
    """Read a record with exactly these fields. Errors: torn, damaged or edited (BAD_DATA).

    An old record without a hash is accepted if it has these fields and no other.
    """
    content = read_bytes(path, hint=hint)  # once: another process may move it away or put another in its place
    values = parse_json(path, content, hint=hint)
    if not isinstance(values, dict):
        raise PotstillError(f"{path} is not a record", hint=hint, code=BAD_DATA)
    plain = {name: value for name, value in values.items() if name != CHECK}
    if set(plain) != set(names):
        raise PotstillError(f"{path} has other fields: {', '.join(sorted(plain))}", hint=hint, code=BAD_DATA)
    check_record(path, values, content, hint=hint)
    return plain


def check_record(path: Path, values: dict[str, Any], content: bytes, *, hint: str = "") -> None:
    """Refuse (BAD_DATA) a record that does not match its hash; one without a hash is accepted.

    values, content: what the file at `path` holds, parsed and as it is
    """
    plain = {name: value for name, value in values.items() if name != CHECK}
    try:
        whole = plain == values or content == to_json(values) == to_record(plain)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
        whole = False
    if not whole:
        raise PotstillError(f"{path} was edited: its own hash is another", hint=hint, code=BAD_DATA)


def put(path: Path, content: bytes) -> bool:
    """Write a file only if there is none of this name. Return False if there is one; it stays as it is."""
    with temporary(path) as tmp:
        tmp.write_bytes(content)
        return add(tmp, path)


def put_json(path: Path, value: Any) -> bool:
    """Write indented JSON only if there is no file of this name; else return False."""
    return put(path, to_json(value))


def to_json(value: Any) -> bytes:
    """Write a value as indented JSON with sorted keys, so that equal values give equal bytes."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def add(tmp: Path, path: Path) -> bool:
    """Link a finished temporary file to `path`, if the name is free; else return False and change nothing.

    Of any number of writers, on any number of machines, exactly one gets True. On a file system without hard links
    (EPERM, ENOTSUP) an empty file reserves the name first; a crash at that moment leaves a torn file, which every
    reader refuses.
    """
    flush(tmp)
    try:
        os.link(tmp, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if not _reserve(path):
            return False
        tmp.replace(path)
    flush(path.parent)
    return True


def _reserve(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; after the block the file is flushed and renamed to `path`, on an exception removed."""
    with temporary(path) as tmp:
        yield tmp
        flush(tmp)
        tmp.replace(path)
        flush(path.parent)


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Yield a path in the same folder that no other process on any machine uses; a file left there is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f"{path.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        yield tmp
    finally:
        tmp.unlink(missing_ok=True)


def follow_umask(path: Path) -> None:
    """Give a file that a library wrote with its own mode (safetensors: 0600) the mode of any new file."""
    with temporary(path) as tmp:
        tmp.touch()
        path.chmod(tmp.stat().st_mode & 0o777)


def move(path: Path, folder: Path) -> Path | None:
    """Move a file into a folder under a free name and return it; None where another process moved it first."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{path.name}.{secrets.token_hex(4)}"
    try:
        path.rename(target)
    except FileNotFoundError:
        return None
    flush(folder)
    flush(path.parent)
    return target


def sweep(directory: Path) -> int:
    """Remove the temporary files of interrupted writers, in subfolders too; return how many.

    Only to be called while no other process works in the directory (see `data/running/claims.py`).
    """
    left = leftovers(directory)
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def leftovers(directory: Path) -> list[Path]:
    """List the files that `sweep` removes."""
    return [path for path in directory.rglob("*.tmp-*") if LEFT.fullmatch(path.name) and path.is_file()]


def is_being_written(left: Path) -> bool:
    """Tell whether the process whose id a temporary file's name holds runs on this machine, and is not this one."""
    match = LEFT.fullmatch(left.name)
    process = int(match[1]) if match else 0
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return process != os.getpid()


def flush(path: Path) -> None:
    """Force a file's or a directory's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_file(path: Path) -> str:
    """Hash a file's bytes, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Hash a file's bytes; the hash is kept while inode, size and modification times stay the same."""
    about = path.stat()
    return _hashed(path.resolve(), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


@lru_cache(maxsize=1 << 16)
def _hashed(path: Path, *about: int) -> str:
    return sha256_file(path)


def digest_of(value: Any) -> str:
    """Hash a JSON value in its canonical form (sorted keys, no blanks), hex."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
