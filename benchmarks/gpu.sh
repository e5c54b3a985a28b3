#!/usr/bin/env bash
# The cache phase and student training on one GPU, in one call of less than ten minutes: benchmarks/gpu.sh [OPTIONS]
# PYTHON names an interpreter with torch (CUDA), transformers, tokenizers, pyarrow, psutil; sentence-transformers is
# measured where it is installed. OUT is where gpu.json goes. No model, no text and no network is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
exec env HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=true PYTHONUNBUFFERED=1 \
  "${PYTHON:-python3}" -m benchmarks.race.gpu --out "${OUT:-benchmarks/results}" "$@"
