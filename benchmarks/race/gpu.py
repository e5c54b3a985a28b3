"""The cache phase on a GPU: a million short sentences through random-weight BERTs, and a student trained there.

    benchmarks/gpu.sh                         one call, under ten minutes
    benchmarks/gpu.sh --quick --device cpu    a smoke run anywhere

Speed does not depend on the weights. What does not fit into the time limit is left out and named.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.race.gpu_material import MODELS, TINY, make_examples, make_teacher
from benchmarks.race.options import Options, options_of, parser
from benchmarks.race.results import add_aim, finish, result_of
from benchmarks.watch.gpu_speed import matmul_flops, speeds, wait
from benchmarks.watch.idle import Watch
from data.progress import Silent
from teacher_cache.build import build
from teacher_cache.config import CacheConfig

ROWS, HIDDEN_ROWS, RIVAL_ROWS = 1_000_000, 100_000, 200_000
TRIED = (128, 512, 2048)  # batch sizes the rival chooses from
STEPS = 200  # of student training


def main() -> None:
    made = parser(__doc__, rows=ROWS)
    made.add_argument("--device", default="cuda:0")
    made.add_argument("--limit", type=float, default=540.0, help="seconds after which nothing new is begun")
    values = made.parse_args()
    options = options_of(values)
    result = result_of("gpu", options, settings={"device": values.device})
    result |= {"runs": [], "remarks": []}
    result["device"] = device_name(values.device)
    clock = Clock(values.limit)
    work = Path(tempfile.mkdtemp(prefix="potstill-gpu-"))
    try:
        measure(result, options, values.device, work, clock)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(runs_table(result))
    finish(result, options)


class Clock:
    """What is left of the time; a step that would begin too late is left out."""

    def __init__(self, limit: float) -> None:
        self.end = time.monotonic() + limit

    def run(
        self, result: dict[str, Any], name: str, work: Callable[..., dict[str, Any]], *about: Any
    ) -> dict[str, Any] | None:
        """Run a step, and keep what it says among the runs; a failure is named and ends nothing else."""
        if time.monotonic() > self.end:
            result["skipped"][name] = "no time left"
            return None
        try:
            entry = {"name": name, **work(*about)}
        except Exception as error:
            result["skipped"][name] = f"{type(error).__name__}: {str(error)[:200]}"
            print(f"  {name}: left out, {result['skipped'][name]}", flush=True)
            return None
        result["runs"].append(entry)
        print(f"  {entry}", flush=True)
        return entry


def measure(result: dict[str, Any], options: Options, device: str, work: Path, clock: Clock) -> None:
    """All steps, the ones that matter most first."""
    peak = matmul_flops(device, 1024 if options.quick else 8192)
    result["matmul_tflops"] = round(peak / 1e12, 2)
    examples = make_examples(options, work / "examples", options.rows)
    few = make_examples(options, work / "few", min(options.rows, HIDDEN_ROWS))
    models = {"tiny": TINY} if options.quick else MODELS
    teachers = {name: make_teacher(shape, examples, work / name) for name, shape in models.items()}
    warm = make_examples(options, work / "warm", 512)
    for name, teacher in teachers.items():
        build_once(warm, teacher, work / "warm-cache", device, {})
        found = clock.run(result, f"{name}: logits", cached, examples, teacher, work, device, {}, peak)
        ceiling = clock.run(result, f"{name}: forward only", forward_only, examples, teacher, device, peak)
        rival = clock.run(result, f"{name}: sentence-transformers", encode, examples, teacher, device, peak)
        add_aims(result, name, found, ceiling, rival)
    for name, teacher in teachers.items():
        cls = {"signals": ("logits", "cls"), "layers": tuple(range(models.get(name, TINY)[0] + 1))}
        hidden = {"signals": ("logits", "hidden")}
        clock.run(result, f"{name}: logits, cls of all layers", cached, examples, teacher, work, device, cls, peak)
        clock.run(result, f"{name}: last hidden", cached, few, teacher, work, device, hidden, peak)
    train(result, work, device, teachers, few, clock)


def add_aims(result: dict[str, Any], name: str, found: Any, ceiling: Any, rival: Any) -> None:
    wanted = {"base": 0.35, "large": 0.45}.get(name)
    if found and wanted:
        add_aim(result, f"{name}: MFU end to end, logits", found["mfu"], least=wanted)
    if found and ceiling:
        efficiency = found["rows_per_second"] / ceiling["rows_per_second"]
        add_aim(result, f"{name}: overlap efficiency (ours / forward only)", efficiency, least=0.9)
    if found and rival:
        times = found["rows_per_second"] / rival["rows_per_second"]
        result["ratios"][f"{name}: sentence-transformers tuned"] = {"median": times, "low": times, "high": times}
        add_aim(result, f"{name}: ours / sentence-transformers tuned", times, least=2)


def build_once(examples: Path, teacher: Path, out: Path, device: str, config: dict[str, Any]) -> Any:
    shutil.rmtree(out, ignore_errors=True)
    return build(CacheConfig(device=device, **config), examples, teacher, out, progress=Silent())


def cached(
    examples: Path, teacher: Path, work: Path, device: str, config: dict[str, Any], peak: float
) -> dict[str, Any]:
    """The whole phase, from opening the inputs to the seal; the clock runs for all of it."""
    with Watch() as watch:
        start = time.perf_counter()
        manifest = build_once(examples, teacher, work / "cache", device, config)
        seconds = time.perf_counter() - start
    tokens = manifest.report["tokens"]
    memory = manifest.report.get("peak_memory_bytes")
    return {
        **speeds(manifest.rows, tokens, seconds, peak, teacher, first="hidden" not in config.get("signals", ())),
        "teacher_seconds": manifest.report["seconds"],
        "padding_waste": manifest.report["padding_waste"],
        "gigabytes": round(manifest.report["bytes"] / 1e9, 3),
        "token_budget": manifest.config["token_budget"],
        "peak_memory_bytes": memory,
        "gpu_busy": watch.busy,
    }


def forward_only(examples: Path, teacher: Path, device: str, peak: float) -> dict[str, Any]:
    """The ceiling: our batches, on the device already, through the model as we run it; nothing is stored or copied."""
    from benchmarks.arms.teacher_ceilings import our_batches
    from teacher_cache.inference.forward import Forward
    from teacher_cache.launch.machine import choose
    from teacher_cache.teacher.files import inspect_teacher
    from teacher_cache.teacher.load import load_model

    files = inspect_teacher(teacher)
    machine = choose(CacheConfig(device=device), files)
    chosen = {"token_budget": machine.token_budget}
    found = our_batches(str(examples), str(teacher), HIDDEN_ROWS, chosen)
    batches = [{name: array.to(device) for name, array in batch.items()} for batch, _ in found]
    model = load_model(files, device=device, dtype=machine.dtype, attention=machine.attention)

    forward = Forward(model, {"logits": model.config.num_labels}, 0, machine.token_budget)

    def run() -> float:
        start = time.perf_counter()
        with torch.inference_mode(), forward.ready(model):
            for batch in batches:
                model(**batch)
        wait(device)
        return time.perf_counter() - start

    run()
    rows = sum(len(batch["input_ids"]) for batch in batches)
    tokens = sum(int(batch.get("attention_mask", torch.ones_like(batch["input_ids"])).sum()) for batch in batches)
    return speeds(rows, tokens, min(run(), run()), peak, teacher, first=True)


def encode(examples: Path, teacher: Path, device: str, peak: float) -> dict[str, Any]:
    """sentence-transformers at its best: bfloat16, the fastest of a few batch sizes, vectors kept in memory."""
    from sentence_transformers import SentenceTransformer

    from benchmarks.arms.teacher import load_texts

    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    model = SentenceTransformer(str(teacher), device=device, model_kwargs={"dtype": dtype})
    _, texts = load_texts(str(examples), RIVAL_ROWS)

    def once(texts: list[str], size: int) -> float:
        start = time.perf_counter()
        model.encode(texts, batch_size=size, show_progress_bar=False, convert_to_tensor=True)
        wait(device)
        return time.perf_counter() - start

    once(texts[:2048], TRIED[0])
    size = min(TRIED, key=lambda size: once(texts[:20_000], size))
    seconds = once(texts, size)
    tokens = sum(len(ids) for ids in model.tokenizer(texts[:20_000])["input_ids"]) * len(texts) // len(texts[:20_000])
    return {**speeds(len(texts), tokens, seconds, peak, teacher, first=False), "batch_size": size}


def train(result: dict[str, Any], work: Path, device: str, teachers: dict[str, Path], few: Path, clock: Clock) -> None:
    """The BiLSTM student on the device, from the stream and from batches that lie ready: does the loader hold it up?"""
    from benchmarks.arms.opened import open_stream
    from benchmarks.arms.train import Fixed, ours_loop

    name, teacher = next(iter(teachers.items()))
    cache = work / "student-cache"
    build_once(few, teacher, cache, device, {})
    stream = open_stream(str(cache))
    steps = min(STEPS, sum(block.batches for block in stream.plan(1)))

    def run(source: Any) -> dict[str, Any]:
        ours_loop(str(cache), source, steps=min(steps, 10), device=device)
        found = ours_loop(str(cache), source, steps=steps, device=device)
        return {"rows": found["rows"], "rows_per_second": round(found["rows"] / found["seconds"], 1)}

    streamed = clock.run(result, f"student from the stream ({name}'s word table)", run, stream)
    ready = clock.run(result, "student from memory", run, Fixed(stream, steps))
    if streamed and ready:
        stall = 1 - streamed["rows_per_second"] / ready["rows_per_second"]
        add_aim(result, "student on the device: stall of the stream", stall, most=0.03)


def device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"


def runs_table(result: dict[str, Any]) -> str:
    columns = ("rows", "seconds", "rows_per_second", "tokens_per_second", "mfu", "gpu_busy", "padding_waste")
    lines = [f"\n{result['device']}, bfloat16 matrix product {result['matmul_tflops']} TFLOP/s", ""]
    lines += [f"| run | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    lines += [f"| {run['name']} | {' | '.join(str(run.get(key, '')) for key in columns)} |" for run in result["runs"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
