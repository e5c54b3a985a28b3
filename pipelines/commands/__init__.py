"""Commands, one a file, and the table of them."""

from collections.abc import Callable

from pipelines.commands.augment import augment
from pipelines.commands.bench import bench
from pipelines.commands.cache import cache
from pipelines.commands.demo import demo
from pipelines.commands.distil import distil
from pipelines.commands.evaluate import evaluate
from pipelines.commands.predict import predict
from pipelines.commands.report import report
from pipelines.commands.run import run
from pipelines.commands.teach import teach
from pipelines.commands.train import train
from pipelines.commands.upkeep.gc import gc
from pipelines.commands.upkeep.inspect import inspect
from pipelines.commands.upkeep.pull import pull
from pipelines.commands.upkeep.repair import repair
from pipelines.commands.upkeep.verify import verify

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "distil": distil,
    "teach": teach,
    "augment": augment,
    "cache": cache,
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "bench": bench,
    "inspect": inspect,
    "report": report,
    "verify": verify,
    "repair": repair,
    "pull": pull,
    "gc": gc,
    "run": run,
}
