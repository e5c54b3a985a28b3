"""Turn a plain function into a Typer command: groups of options become single options, a console is handed in.

A parameter typed with a dataclass stands for that dataclass's fields, each an option; the body receives the filled
dataclass. One annotated with `Fields` stands for fields of a config; the body receives what was typed for each. So the
options that commands share are written once, and `--help` still lists every one.
"""

import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import Any

from data.errors import TRY_AGAIN, PotstillError
from pipelines.options import Common, Fields
from pipelines.screen.console import Console
from pipelines.screen.exits import ReaderGone, ending_of


def command(body: Callable[..., None]) -> Callable[..., None]:
    """Make a Typer command of `body(…, common: Common, console)`; the console comes from the common options."""
    parameters = inspect.signature(body).parameters
    groups = {name: options for name, item in parameters.items() if (options := _options(item.annotation))}

    def run(**values: Any) -> None:
        for name, options in groups.items():
            given = {option.name: values.pop(option.name) for option in options}
            form: Callable[..., Any] = parameters[name].annotation
            values[name] = form(**given) if isinstance(form, type) else given
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
    flat += [item for options in groups.values() for item in options]
    run.__name__, run.__doc__ = body.__name__, body.__doc__
    run.__signature__ = inspect.Signature([item.replace(kind=item.KEYWORD_ONLY) for item in flat])  # type: ignore[attr-defined]
    run.__annotations__ = {item.name: item.annotation for item in flat}
    return run


def _options(form: Any) -> list[inspect.Parameter]:
    """List the options that a parameter of this type stands for; none where it is an option itself."""
    if not dataclasses.is_dataclass(form):
        return [item for made in typing.get_args(form)[1:] if isinstance(made, Fields) for item in made.options()]
    hints = typing.get_type_hints(form, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(form)
    ]
