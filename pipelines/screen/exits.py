"""An exception → message, hint and exit code."""

import errno
from dataclasses import dataclass

from data.errors import INTERNAL, IO_ERROR, NO_INPUT, NO_PERMISSION, TRY_AGAIN, USAGE, PotstillError, is_out_of_memory


@dataclass(frozen=True)
class Ending:
    """How a command ended badly: one clear message, what to do next, and the process's exit code."""

    message: str
    hint: str
    code: int


class Terminated(KeyboardInterrupt):
    """SIGTERM: a scheduler's "stop now", ending as Ctrl-C does."""


class ReaderGone(Exception):
    """The reader of our stdout has closed it (`potstill predict … | head`): no error, no message."""


def ending_of(error: BaseException) -> Ending:
    """Turn any exception into an `Ending`; an unforeseen one is a bug of potstill (code 70)."""
    if isinstance(error, PotstillError):
        return Ending(error.message, error.hint, error.code)
    if isinstance(error, KeyboardInterrupt):
        return Ending("interrupted", "run the same command again: it goes on where it stopped", TRY_AGAIN)
    if is_out_of_memory(error):
        return Ending("out of memory", "use a smaller batch or fewer workers", INTERNAL)
    if isinstance(error, OSError):
        return _from_system(error)
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # Typer's, which it moved between modules
        context = getattr(error, "ctx", None)
        hint = f"{context.command_path if context else 'potstill'} --help lists what is valid"
        return Ending(error.format_message().rstrip("."), hint, USAGE)
    hint = "this is a bug of potstill; the same command with --debug shows where"
    return Ending(f"{type(error).__name__}: {error}", hint, INTERNAL)


def _from_system(error: OSError) -> Ending:
    about = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Ending(f"the disk is full ({about})", "make room and run the same command again", IO_ERROR)
    if isinstance(error, FileNotFoundError):
        return Ending(about, "", NO_INPUT)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Ending(about, "choose a place you may write to, or change its permissions", NO_PERMISSION)
    return Ending(about, "", IO_ERROR)
