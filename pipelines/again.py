"""The command that mends a damaged directory: directory → the command line to type.

A cache repairs itself, shard by shard. Anything else is made again by the command that made it, which sets aside what
is damaged; `potstill.toml` beside the output holds what that command was given.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data import config as configs
from data.errors import PotstillError
from data.layout import SETTINGS
from data.running.output import kind_of

Tables = dict[str, Any]


def command_for(directory: Path) -> str:
    """Return the command line that mends a directory; where its arguments are unknown, a sentence that says so."""
    made_by = COMMANDS.get(kind_of(directory) or "")
    if made_by is None:
        return f"potstill repair {shlex.quote(str(directory))}"
    try:
        words = made_by(configs.read_toml(directory / SETTINGS))
    except (PotstillError, KeyError, TypeError, AttributeError, OSError):
        return f"run the command that made {directory} again: it sets aside what is damaged"
    return shlex.join(["potstill", *words, "-o", str(directory), "--recipe", str(directory / SETTINGS)])


def _augment(tables: Tables) -> list[str]:
    data = tables["data"]
    more = [word for role in ("unlabelled", "exclude") for path in data.get(role, ()) for word in (f"--{role}", path)]
    return ["augment", data["train"], *more]


def _teach(tables: Tables) -> list[str]:
    data = tables["data"]
    kept_out = [word for path in data.get("exclude", ()) for word in ("--exclude", path)]
    kept_out += ["--symmetric"] if data.get("symmetric") else []
    return ["teach", data["train"], "--dev", data["dev"], "-m", tables["teach"]["model"], *kept_out]


def _train(tables: Tables) -> list[str]:
    data = tables["data"]
    return ["train", *data["caches"], "--dev", data["dev"]]


# Kind of directory -> what its saved tables say of the command that made it.
COMMANDS: dict[str, Callable[[Tables], list[str]]] = {
    "examples": _augment,
    "teacher": _teach,
    "student": _train,
    "students": _train,
}
