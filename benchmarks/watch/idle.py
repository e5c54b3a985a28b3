"""How busy the GPU was meanwhile, as nvidia-smi counts it; None where there is no nvidia-smi."""

import shutil
import subprocess
import tempfile
from pathlib import Path

QUERY = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200")


class Watch:
    """`with Watch() as watch: …` then `watch.busy`: mean share of time in which a kernel ran on the first GPU."""

    busy: float | None = None

    def __enter__(self) -> "Watch":
        self._log = Path(tempfile.mkstemp(prefix="potstill-gpu-")[1])
        self._process = None
        if program := shutil.which("nvidia-smi"):
            with self._log.open("w") as stream:
                self._process = subprocess.Popen([program, "-i", "0", *QUERY], stdout=stream)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            shares = [int(line) for line in self._log.read_text().split() if line.isdigit()]
            self.busy = round(sum(shares) / len(shares) / 100, 4) if shares else None
        self._log.unlink(missing_ok=True)
