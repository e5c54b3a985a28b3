"""Turn a plain function into a Typer command: groups of options become single options, a console is handed in.

A parameter typed with a dataclass stands for that dataclass's fields, each an option; the body receives the filled
dataclass. So the options that commands share are written once, and `--help` still lists every one.
"""

import copy
import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import Any

from data import config as configs
from data.errors import TRY_AGAIN, PotstillError
from pipelines.options import Common
from pipelines.screen.console import Console
from pipelines.screen.exits import ReaderGone, ending_of


def command(body: Callable[..., None]) -> Callable[..., None]:
    """Make a Typer command of `body(…, common: Common, console)`; the console comes from the common options."""
    parameters = inspect.signature(body).parameters
    groups: dict[str, Any] = {
        name: item.annotation for name, item in parameters.items() if dataclasses.is_dataclass(item.annotation)
    }

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in dataclasses.fields(group)})
        common: Common = values["common"]
        with Console(quiet=common.quiet, as_json=common.as_json) as console:
            try:
                body(**values, console=console)
            except KeyboardInterrupt as error:  # Typer would turn it into a code of its own
                ending = ending_of(error)
                raise PotstillError(ending.message, hint=ending.hint, code=TRY_AGAIN) from None
            except BrokenPipeError:  # and this into exit code 1
                raise ReaderGone from None

    flat = [item for name, item in parameters.items() if name not in groups and name != "console"]
    flat += [item for group in groups.values() for item in _fields(group)]
    run.__name__, run.__doc__ = body.__name__, body.__doc__
    run.__signature__ = inspect.Signature([item.replace(kind=item.KEYWORD_ONLY) for item in flat])  # type: ignore[attr-defined]
    run.__annotations__ = {item.name: item.annotation for item in flat}
    return run


def _fields(group: Any) -> list[inspect.Parameter]:
    """Make the options of a group; where they set fields of a config, each option's help ends with the default."""
    hints = typing.get_type_hints(group, include_extras=True)
    defaults = configs.as_dict(group.CONFIG()) if hasattr(group, "CONFIG") else {}
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
            annotation=_with_default(hints[field.name], defaults.get(field.name)),
        )
        for field in dataclasses.fields(group)
    ]


def _with_default(hint: Any, default: Any) -> Any:
    if default in (None, ""):
        return hint
    kind, option = typing.get_args(hint)
    option = copy.copy(option)
    option.help = f"{option.help} ({spell(default)})"  # round: Rich takes [x] for a style
    return typing.Annotated[kind, option]


def spell(value: Any) -> str:
    """Write a default as one types it: `0,1`, `kl=0.9,ce=0.1`."""
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
