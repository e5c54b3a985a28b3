"""Imports of the server that workers are forked from (see `augment.crew.pool`), so that they are loaded once.

The server ignores signals and ends with the process that started it: a signal to all processes of a job would otherwise
look as if workers had died.
"""

import signal

import augment.stages.candidates
import augment.stages.seal  # noqa: F401
from data.running.stop import SIGNALS

for number in SIGNALS:
    signal.signal(number, signal.SIG_IGN)
