"""`status.json`: how far a cache is, for whoever looks from outside (`watch cat runs/x/cache/status.json`).

Written at the start, after every shard and at the end. Nothing reads it back: what is done says `commits/`.
"""

import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from data import store
from data.layout import RUNNING, STATUS


@dataclass
class Status:
    """The progress of one process in a cache. total: shards of the cache; done: committed ones, by anybody."""

    directory: Path
    total: int
    done: int = 0
    rows: int = 0
    started: float = field(default_factory=time.monotonic)

    def committed(self, rows: int) -> None:
        """One more shard of `rows` rows is done, by this process."""
        self.done += 1
        self.rows += rows
        self.write(RUNNING)

    def write(self, state: str, message: str = "") -> None:
        """State: RUNNING, SEALED, WAITING (for other processes), STOPPED or FAILED."""
        seconds = time.monotonic() - self.started
        store.write_json(
            self.directory / STATUS,
            {
                "state": state,
                "message": message,
                "shards": self.total,
                "shards_done": self.done,
                "rows": self.rows,
                "rows_per_second": round(self.rows / seconds, 1) if seconds > 0 else 0.0,
                "seconds": round(seconds, 1),
                "host": socket.gethostname(),
                "process": os.getpid(),
                "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            },
        )
