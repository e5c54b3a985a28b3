"""Where recipes are: a path, or the name of one that comes with potstill."""

from pathlib import Path
from typing import Any

from data import config as configs
from data.errors import NO_INPUT, PotstillError
from student_train.config import options_of_losses

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
    """Read a recipe's tables. A loss of which only the weight is said, `kl = 0.9`, comes as a table of its options, so
    that `--set train.losses.kl.temperature=4` can be laid over it."""
    tables = configs.read_toml(find_recipe(name))
    arms = tables.get("arms")
    for table in (tables.get("train"), *(arms.values() if isinstance(arms, dict) else ())):
        if isinstance(table, dict) and isinstance(table.get("losses"), dict):
            table["losses"] = options_of_losses(table["losses"])
    return tables
