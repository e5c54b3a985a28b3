"""Install the rivals from PyPI into an environment of their own: `python -m benchmarks.race.setup_rivals`.

`.cache/rivals` sees the packages of the project's own environment, so that all arms share one torch and one
transformers; what the rivals need besides comes into it and nowhere else. Rivals whose pins would replace those are
installed without their dependencies, and with those that the measured parts import:

    textattack   wants flair, which wants transformers 4; nothing that is measured calls it (see arms/augment.py)
    textbrewer   wants torch and tensorboard without pins
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from benchmarks.race.arm import RIVALS_PYTHON, ROOT

WHOLE = ("sentence-transformers", "datasets", "nlpaug==1.1.11")
ALONE = ("textattack==0.3.11", "textbrewer==0.2.1.post1", "bert-score==0.3.13", "OpenHowNet==2.0")
NEEDED = (
    "tensorboard",
    *("lru-dict", "terminaltables", "word2number", "num2words", "more-itertools", "pinyin", "editdistance"),
    *("Levenshtein", "language_tool_python", "lemminflect", "langdetect", "anytree"),
)
CHECKS = {
    "sentence-transformers": "import sentence_transformers",
    "datasets": "import datasets",
    "nlpaug": "import nlpaug.augmenter.word",
    "textattack": "from benchmarks.arms.augment import stand_ins; stand_ins(); import textattack.augmentation",
    "textbrewer": "import textbrewer",
}


def main() -> None:
    home = RIVALS_PYTHON.parents[1]
    if not RIVALS_PYTHON.exists():
        print(f"making {home}", flush=True)
        venv.create(home, with_pip=True, symlinks=True)
    link_packages(home)
    install("-c", str(ROOT / "constraints.txt"), *WHOLE, *NEEDED)
    install("--no-deps", *ALONE)
    for name, code in CHECKS.items():
        done = subprocess.run([str(RIVALS_PYTHON), "-c", code], cwd=ROOT, capture_output=True, text=True)
        print(f"{name}: {'runs' if not done.returncode else 'does not run: ' + done.stderr.strip().splitlines()[-1]}")


def link_packages(home: Path) -> None:
    """Let the environment see this one's packages, behind its own."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    place = home / "lib" / version / "site-packages"
    (place / "potstill-venv.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", "utf-8")


def install(*what: str) -> None:
    pip = [str(RIVALS_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, *what], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
