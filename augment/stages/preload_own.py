"""Imports of that server if the project's own tagger is used: `preload`, spaCy and the tagger."""

import sys

import augment.stages.preload  # noqa: F401
from augment.stages.tag import warm

sys.modules.setdefault("torch", None)  # type: ignore[arg-type]  # see `augment.taggers.own`
warm("own", "en")
