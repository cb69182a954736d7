"""How long `amclip fit` takes to its first training step on 1,000 clips, and what takes the time; writes first_step.md.

    python docs/benchmarks/first_step.py [--against COMMIT] [--clips 1000] [--rounds 3]
    python docs/benchmarks/first_step.py --quick      36 clips, once

Each start is a process of its own that ends where the first step's work would begin. It is told apart when every stage
begins, in seconds of the process's processor time (without its reading processes) and of the clock; `import torch` and
`import lightning.pytorch` are timed in turn with it, since figures of a machine that has other work only compare with
each other. `--against` checks the package of another commit out and starts it in turn. A network of a few thousand
weights: a larger tower takes its own time to build and in the sanity check.
"""

import compileall
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sections import Benchmark, drawn_clips, new_parser

from amclip.config_path import config_path

HERE = Path(__file__).parents[2]
STAGES = {
    "imports": "Python, PyTorch, Lightning, amclip",
    "settings": "parser, config files, options",
    "objects": "data module, network, trainer",
    "table and probing": "what the videos are, for the first time or from the cache",
    "to the loop": "callbacks, logger, loaders, reading processes begin",
    "sanity check": "one batch of validation clips; two until 2026-11-29",
    "first batch": "until the training's first batch is there",
}


def child(words: list[str]) -> None:
    """In a process of its own: `amclip fit`, until the first training step begins; prints when each stage ended."""
    ended: dict[str, tuple[float, float]] = {}
    began = float(os.environ["BEGAN"])

    def mark(stage: str) -> None:
        ended.setdefault(stage, (time.process_time(), time.time() - began))

    importing: AbstractContextManager[None] = nullcontext()
    with suppress(ImportError):  # of commits that had no such function
        from amclip.quick_import import uncollected

        importing = uncollected()  # as the command does
    with importing:
        with suppress(ImportError):
            from amclip.quick_import import import_torchmetrics

            import_torchmetrics()
        from amclip.commands.lightning import AmclipCLI

    mark("imports")
    from lightning.pytorch import Trainer

    from amclip.data.datamodule import VideoDataModule
    from amclip.task import BehaviourTask

    def after(kind: Any, name: str, stage: str) -> None:
        function: Callable[..., Any] = getattr(kind, name)

        def call(*arguments: Any, **settings: Any) -> Any:
            result = function(*arguments, **settings)
            mark(stage)
            return result

        setattr(kind, name, call)

    def before(kind: Any, name: str, stage: str, last: bool = False) -> None:
        function: Callable[..., Any] = getattr(kind, name)

        def call(*arguments: Any, **settings: Any) -> Any:
            mark(stage)
            if last:
                print("ended:" + json.dumps(ended), flush=True)
                os.killpg(os.getpid(), 9)  # with its reading processes
            return function(*arguments, **settings)

        setattr(kind, name, call)

    after(AmclipCLI, "parse_arguments", "settings")
    after(AmclipCLI, "instantiate_classes", "objects")
    after(VideoDataModule, "setup", "table and probing")
    before(Trainer, "_run_sanity_check", "to the loop")
    after(Trainer, "_run_sanity_check", "sanity check")
    before(BehaviourTask, "on_train_batch_start", "first batch", last=True)
    AmclipCLI.run("fit", words)


def start(tree: Path, words: list[str]) -> dict[str, tuple[float, float]]:
    """Seconds of each stage, of the processor and of the clock, of the package in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "BEGAN": str(time.time())}
    command = [sys.executable, __file__, "--child", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, start_new_session=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("ended:")]
    if not lines:
        raise RuntimeError(done.stdout + done.stderr)
    stages, last = {}, (0.0, 0.0)
    for stage, moment in json.loads(lines[-1].removeprefix("ended:")).items():
        stages[stage] = (moment[0] - last[0], moment[1] - last[1])
        last = moment
    stages["all"] = last
    return stages


def importing(module: str) -> dict[str, tuple[float, float]]:
    """The same of an import alone."""
    begin = time.time()
    command = [sys.executable, "-c", f"import {module}, time; print(time.process_time())"]
    spent = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {"all": (spent, time.time() - begin)}


def checked_out(commit: str, folder: Path) -> Path:
    """The package of another commit."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(["git", "archive", commit, "amclip", "configs"], cwd=HERE, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder


def many_clips(number: int, work: Path) -> Path:
    """So many files with a table, of few that were drawn: what is in them takes no time here."""
    folder = work / f"{number}_clips"
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    source = drawn_clips()
    drawn = [line.split(",") for line in (source / "labels.csv").read_text().splitlines()[1:]]
    rows = ["filepath,label,split"]
    for at in range(number):
        path, label, split = drawn[at % len(drawn)]
        copy = folder / "videos" / f"clip_{at:05}.mp4"
        if not copy.exists():
            copy.write_bytes((source / path).read_bytes())
        rows.append(f"videos/{copy.name},{label},{split}")
    table = folder / "labels.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def main() -> None:
    """Measure and write the page."""
    if "--child" in sys.argv:
        child(sys.argv[sys.argv.index("--child") + 1 :])
        return
    parser = new_parser(__doc__)
    parser.add_argument("--against", help="a commit to compare with")
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("runs/first_step"))
    run = Benchmark(parser, __file__)
    clips, rounds = (36, 1) if run.quick else (run.options.clips, run.options.rounds)
    table, cache = many_clips(clips, run.work).resolve(), (run.work / "cache").resolve()
    common = [
        f"--config={config_path('demo')}",
        f"--data.source.labels={table}",
        f"--data.source.root={table.parent}",
        f"--trainer.logger.init_args.save_dir={(run.work / 'runs').resolve()}",
        "--trainer.accelerator=cpu",
        "--trainer.enable_progress_bar=false",
        "--data.num_workers=2",
    ]
    trees = {"this": HERE}
    if run.options.against:
        trees = {run.options.against: checked_out(run.options.against, run.work / "against"), **trees}
    for tree in trees.values():  # as pip leaves an installed package: Python need not compile it at every start
        compileall.compile_dir(tree / "amclip", quiet=1)
    run.head(
        f"""# Time to the first step

Written by `docs/benchmarks/first_step.py`, {datetime.date.today()}: `amclip fit` on {clips:,} clips until its first
training step begins, {rounds} rounds in turn, medians in seconds of the process's processor time, and of the clock in
brackets. The files are in the system's cache. The machine had other work (load {os.getloadavg()[0]:.0f} on
{os.cpu_count()} cores): processor times and their ratios are what counts.

Half of `53c5dc4`'s time is not reached: what is left is mostly the import of PyTorch and Lightning, and the batch
of the sanity check, which is decoded and goes through the network for the first time."""
    )
    for name, settings in (
        ("The second start: the videos are known", [f"--data.cache_dir={cache}"]),
        ("The first start: the videos are probed", ["--data.cache_dir=null"]),
    ):
        with run.section(name) as lines:
            calls: dict[str, Callable[[], dict[str, tuple[float, float]]]] = {
                key: partial(start, tree, [*common, *settings]) for key, tree in trees.items()
            }
            calls |= {f"import {module}": partial(importing, module) for module in ("torch", "lightning.pytorch")}
            taken: dict[str, list[dict[str, tuple[float, float]]]] = {key: [] for key in calls}
            if not run.quick and "null" not in settings[0]:
                start(HERE, [*common, *settings])  # fills the cache
            for _ in range(rounds):
                for key, call in calls.items():
                    taken[key].append(call())
                    print(key, {stage: round(cpu, 2) for stage, (cpu, _) in taken[key][-1].items()}, flush=True)
            lines += ["| stage | " + " | ".join(taken) + " | |", "|---" * (2 + len(taken)) + "|"]
            middle: dict[str, dict[str, float]] = {key: {} for key in taken}
            for stage in (*STAGES, "all"):
                cells = []
                for key, ones in taken.items():
                    if stage not in ones[0]:
                        cells.append("")
                        continue
                    cpu, clock = (statistics.median(one[stage][i] for one in ones) for i in (0, 1))
                    middle[key][stage] = cpu
                    cells.append(f"{cpu:.2f} ({clock:.1f})")
                lines.append(f"| {stage} | {' | '.join(cells)} | {STAGES.get(stage, '')} |")
            for other in [key for key in taken if key != "this"]:
                ratio = statistics.median(
                    a["all"][0] / b["all"][0] for a, b in zip(taken["this"], taken[other], strict=True)
                )
                lines.append(f"\nThis takes {ratio:.2f} × the processor time of `{other}`.")
            run.figures[name] = middle
    run.close()


if __name__ == "__main__":
    main()
