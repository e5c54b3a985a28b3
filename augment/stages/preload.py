"""What workers are born with: imported once, by the server that they are forked from (see `augment.crew.pool`).

The server ends when the process that started it does, and not at a signal: one that is sent to all processes of a job
would else make it look as if workers had died.
"""

import signal

import augment.stages.candidates
import augment.stages.seal  # noqa: F401
from data.running.stop import SIGNALS

for number in SIGNALS:
    signal.signal(number, signal.SIG_IGN)
