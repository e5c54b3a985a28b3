"""Run a tokenizer on hostile texts under limits: `python tokenizer_trial.py FILE SECONDS BYTES`; exit status 0: passed.

It runs as a process of its own, which the limits may end. Regular expressions that backtrack are slow on one
repeated character followed by another, so the texts repeat the characters in the file's own patterns. This script
imports nothing of this package.
"""

import json
import re
import resource
import sys

LENGTH = 1 << 16  # characters: quadratic time exceeds the limits at this length, linear time does not
COMMON = "a0 -\n.é中\u0301A"


def main(path: str, seconds: int, memory: int) -> None:
    """Encode every text; any failure ends the process with another status than 0."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from tokenizers import Tokenizer

    with open(path, encoding="utf-8-sig") as stream:  # noqa: PTH123
        values = json.load(stream)
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    for piece in pieces(values):
        for end in ("", "\x01", "!"):
            tokenizer.encode(piece * (LENGTH // len(piece)) + end)


def pieces(values: dict[str, object]) -> list[str]:
    """Return the texts to repeat: common characters, and the characters and runs of letters in the patterns."""
    steps = json.dumps([values.get("normalizer"), values.get("pre_tokenizer")], ensure_ascii=False)
    patterns = re.findall(r'"(?:Regex|String)": "((?:[^"\\]|\\.)*)"', steps)
    runs = [run for pattern in patterns for run in re.findall(r"\w{2,16}", pattern)]
    named = [character for pattern in patterns for character in pattern if character.isprintable()]
    return list(dict.fromkeys([*COMMON, *named[:64], *runs[:16]]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
