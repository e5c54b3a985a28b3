"""How much memory of its own a process holds: RssAnon, sampled. Mapped files do not count, for they can be dropped."""

import threading
from pathlib import Path

EVERY = 0.01  # seconds between two samples


def anonymous_megabytes() -> float:
    """Anonymous memory of this process now, in MB (Linux)."""
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


class Peak:
    """`with Peak() as peak: …` then `peak.megabytes`, the most that was held, and `peak.before`."""

    def __enter__(self) -> "Peak":
        self.before = self.megabytes = anonymous_megabytes()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(EVERY):
            self.megabytes = max(self.megabytes, anonymous_megabytes())
