"""The shards of a cache computed by a Ray cluster: `--ray local` starts one here, `--ray ADDRESS` joins one.

Ray carries shard numbers and row counts, nothing else. Each actor holds a loaded teacher and commits its shards itself,
in the directory that all machines share (or, with a store, in one of its own path on its machine).
"""

import logging
import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from data.errors import TRY_AGAIN, PotstillError
from data.progress import Progress, Silent
from data.running.stop import GRACE, SIGNALS, Stop
from teacher_cache.config import Launch, Request
from teacher_cache.launch.processes import in_words

LOCAL = "local"
EVERY = 0.5  # seconds between two looks at the stop flag
OBJECTS = 80 << 20  # bytes of Ray's object store, near its least: nothing large travels
LATEST = GRACE + 30  # seconds after a signal until actors are ended as they are
PATIENCE = 30  # seconds after which a full cluster is worth a line


class Worker:
    """One actor: a loaded teacher and the shard it is at. `stop` comes in a second thread."""

    def __init__(self, request: Request) -> None:
        self._request, self._stop = request, Stop("finished shards are kept")
        self._open: Any = None

    def ready(self) -> tuple[str, Any]:
        """Load the teacher."""
        from teacher_cache.launch.worker import open_worker

        return in_words(lambda: setattr(self, "_open", open_worker(self._request, Silent())))

    def process(self, index: int) -> tuple[str, Any]:
        """Compute and commit one shard; return its rows, 0 where another process holds it."""
        from teacher_cache.launch.worker import process

        return in_words(lambda: process(self._open, index, self._stop))

    def stop(self, name: str) -> None:
        """Ask for an end at the next batch."""
        self._stop.ask(name)


def fill_by_ray(
    request: Request,
    missing: list[int],
    on_shard: Callable[[int], None],
    *,
    total: int,
    stop: Stop,
    progress: Progress,
) -> None:
    """Let actors of a Ray cluster compute the missing shards; wait for all of them.

    An actor has the CPU threads of the config. on_shard: called with the rows of each committed shard. total: rows of
    the missing shards.
    Errors: that of the first actor that failed; TRY_AGAIN where one died or the run was stopped.
    """
    ray = _import()
    launch, threads = request.launch, request.config.threads
    own = replace(request, launch=replace(launch, ray="", workers=0))
    progress.start("cache", total=total, unit="rows")
    with _cluster(ray, launch, threads):
        gpu, count = _capacity(ray, launch, request.config.device, threads)
        actor = ray.remote(Worker).options(num_cpus=0 if gpu else threads, num_gpus=gpu, max_concurrency=2)
        actors = [actor.remote(own) for _ in range(min(count, len(missing)))]
        try:
            failed, died = _deal(ray, actors, missing, on_shard, stop, progress)
        finally:
            for one in actors:
                ray.kill(one)
    progress.finish()
    stop.check()
    if failed:
        message, hint, code = failed[0]
        raise PotstillError(message, hint=hint, code=code)
    if died:
        hint = "often this is a machine out of memory or gone; the same command goes on where it stopped"
        raise PotstillError(f"{died} of {len(actors)} Ray actors died", hint=hint, code=TRY_AGAIN)


def _deal(
    ray: Any, actors: list[Any], missing: list[int], on_shard: Callable[[int], None], stop: Stop, progress: Progress
) -> tuple[list[Any], int]:
    """Hand out shard numbers, each to an actor that is ready; return what failed and how many actors died."""
    todo, failed, died, asked = deque(missing), [], 0, time.monotonic()
    running: dict[Any, tuple[Any, bool]] = {one.ready.remote(): (one, False) for one in actors}  # ref -> actor, at work
    told = noted = False
    while running and (todo or any(at_work for _, at_work in running.values())):
        if stop.asked and not told:
            told, asked = True, time.monotonic()
            todo.clear()
            for one, _ in running.values():
                one.stop.remote(stop.asked)
        if told and time.monotonic() - asked > LATEST:
            break
        if not noted and time.monotonic() - asked > PATIENCE and not any(busy for _, busy in running.values()):
            noted = True
            progress.note(f"waiting for the Ray cluster to start {len(actors)} actors")
        for ref in ray.wait(list(running), timeout=EVERY)[0]:
            one, _ = running.pop(ref)
            kind, value = _outcome(ray, ref)
            died += kind == "died"
            if kind == "failed":
                failed.append(value)
                todo.clear()
            if kind == "done":
                if value:
                    progress.advance(value)
                    on_shard(value)
                if todo:
                    running[one.process.remote(todo.popleft())] = (one, True)
    return failed, died


def _outcome(ray: Any, ref: Any) -> tuple[str, Any]:
    try:
        return ray.get(ref)
    except ray.exceptions.RayError:
        return "died", None


def _capacity(ray: Any, launch: Launch, device: str, threads: int) -> tuple[int, int]:
    """How many GPUs an actor takes (0 or 1), and how many actors fit: at most as many as there are places at all."""
    there = ray.cluster_resources()
    gpus = int(there.get("GPU", 0)) if device == "auto" or device.startswith("cuda") else 0
    places = gpus or max(1, int(there.get("CPU", 1)) // threads)
    return min(gpus, 1), min(launch.workers or places, places)


@contextmanager
def _cluster(ray: Any, launch: Launch, threads: int) -> Iterator[None]:
    """Be connected for the length of a block. Ray's own signal handlers are put back: a signal means stop, not die."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    before = {number: signal.getsignal(number) for number in SIGNALS}
    here = launch.ray == LOCAL
    with _short_folder() if here else nullcontext() as folder:
        cores = max(os.cpu_count() or 1, launch.workers * threads)
        own: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False, "object_store_memory": OBJECTS}
        place = own | {"_temp_dir": folder} if here else {"address": launch.ray}
        try:
            ray.init(**place, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            hint = "`ray start --head` starts a cluster, `--ray local` one for this run"
            raise PotstillError(f"no Ray cluster at {launch.ray}: {error}", hint=hint, code=TRY_AGAIN) from None
        try:
            for number, handler in before.items():
                signal.signal(number, handler)
            yield
        finally:
            ray.shutdown()


@contextmanager
def _short_folder() -> Iterator[str]:
    """A folder for Ray's sockets, whose paths may have 107 bytes."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp" if os.path.isdir("/tmp") else None)  # noqa: PTH112
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import() -> Any:
    try:
        import ray
    except ImportError:
        raise PotstillError("--ray needs Ray, which is not there", hint="pip install 'potstill[ray]'") from None
    return ray
