"""Where recipes are: a path, or the name of one that comes with potstill."""

from pathlib import Path
from typing import Any

from data import config as configs
from data.errors import NO_INPUT, PotstillError

BUNDLED = Path(__file__).parent


def bundled() -> list[str]:
    """Name the recipes that come with potstill."""
    return sorted(path.stem for path in BUNDLED.glob("*.toml"))


def find_recipe(name: str) -> Path:
    """Find `sst2` among the bundled recipes, anything else as a path."""
    if Path(name).is_file():
        return Path(name)
    if name in bundled():
        return BUNDLED / f"{name}.toml"
    raise PotstillError(f"recipe {name} is not there", hint=f"a path, or one of {', '.join(bundled())}", code=NO_INPUT)


def read_recipe(name: str) -> dict[str, Any]:
    """Read a recipe's tables."""
    return configs.read_toml(find_recipe(name))
