"""What workers are born with where the project's own tagger is wanted: `preload`, spaCy and the tagger."""

import sys

import augment.stages.preload  # noqa: F401
from augment.stages.tag import warm

sys.modules.setdefault("torch", None)  # type: ignore[arg-type]  # see `augment.taggers.own`
warm("own", "en")
