"""`potstill`: one Typer app with a command a phase; how every ending becomes a message and an exit code."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from data.errors import INTERNAL, OK
from pipelines.commands import COMMANDS
from pipelines.screen.exits import ReaderGone, Terminated, ending_of
from pipelines.spread import command

ABOUT = """Distil a large text encoder into a small student, offline.

Multiply the texts (augment), run the teacher over them once (cache), train students from the cache alone (train).
`potstill demo` shows it all on embedded reviews; `potstill distil` does all phases for your data.
"""

# Plain tracebacks and no completion commands: what a scheduler logs stays readable.
app = typer.Typer(name="potstill", help=ABOUT, no_args_is_help=True, add_completion=False, rich_markup_mode="rich")
for name, body in COMMANDS.items():
    app.command(name, no_args_is_help=False)(command(body))
app.command("distill", hidden=True)(command(COMMANDS["distil"]))  # as it is spelled elsewhere


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a code of `data.errors`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name in ("SIGTERM", "SIGUSR1"):  # a scheduler's "stop now" ends as Ctrl-C does: try again, code 75
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run one command; say what went wrong, if anything, and return the exit code."""
    if "--debug" in arguments:
        os.environ["POTSTILL_DEBUG"] = "1"  # the phases' own processes look here
    try:
        code = app(args=list(arguments), prog_name="potstill", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, ReaderGone):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
        return OK
    except (Exception, KeyboardInterrupt) as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `potstill` alone has shown its help
            return OK
        from pipelines.screen.console import complain

        ending = ending_of(error)
        if ending.code == INTERNAL and os.environ.get("POTSTILL_DEBUG"):
            sys.stderr.write(traceback.format_exc())
        complain(ending, as_json="--json" in arguments)
        return ending.code
    return code or OK  # a command that has said itself what is wrong ends by typer.Exit


def _interrupt(number: int, frame: Any) -> None:
    raise Terminated


if __name__ == "__main__":
    main()
