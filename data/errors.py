"""The one exception for everything a user can cause, the exit codes a batch job can act on, and what ran out of memory.

The codes are those of sysexits.h, so cron wrappers and schedulers can tell "try again" from "mend the input".
"""

OK = 0
USAGE = 64  # a wrong option, value or combination
BAD_DATA = 65  # an input file or a stored file holds something it must not
NO_INPUT = 66  # a named file or directory is not there
INTERNAL = 70  # a bug of ours
IO_ERROR = 74  # disk full, I/O error
TRY_AGAIN = 75  # interrupted, or another process holds the work
NO_PERMISSION = 77
STALE = 78  # an output was made from other inputs or another config than those named now


NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # as torch's allocators say it


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out; torch's allocators raise a plain RuntimeError."""
    said = isinstance(error, RuntimeError) and any(words in str(error).lower() for words in NO_MEMORY)
    return said or isinstance(error, MemoryError)


class PotstillError(Exception):
    """An error with what happened (with values), what would be valid, and as `hint` the command to type next.

    `code` is the process's exit code (one of the constants of this module).
    """

    def __init__(self, message: str, *, hint: str = "", code: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message
