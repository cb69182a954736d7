"""Training on two nodes of two processes, over this machine's loopback: the same weights, a lost process, a stop.

    python docs/benchmarks/nodes.py [--work FOLDER]
    python docs/benchmarks/nodes.py --quick      one process, to see that the words are right

Trains the demo's network for two epochs in one process, as two nodes by `torchrun`, and as four tasks of SLURM (its
environment variables; no scheduler is needed). In the second training one process is killed, in the third all are told
to end by SIGTERM, as SLURM does before a time limit; both then go on from `last.ckpt`, and their weights at the end are
compared with those of the training that was left alone. Writes `nodes.md` beside this file.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import torch
from sections import Benchmark, drawn_clips, new_parser

CONFIG = Path(__file__).parents[2] / "configs/demo.yaml"
CLIPS, EPOCHS, AT_ONCE = 64, 2, 8  # of the clips 40 are for training, a whole number of steps
NODES, PER_NODE = 2, 2
PATIENCE = 900.0  # seconds that anything may take


def words(data: Path, run: Path, processes: int) -> list[str]:
    """`amclip fit` for so many processes; a step has the same clips for any number."""
    return [
        *("fit", f"--config={CONFIG}", f"--data.source.labels={data / 'labels.csv'}", f"--data.source.root={data}"),
        *(f"--data.batch_size={AT_ONCE // processes}", "--data.num_workers=0", f"--trainer.max_epochs={EPOCHS}"),
        *("--input.num_segments=1", "--input.positions_per_segment=2", "--trainer.limit_val_batches=1"),
        *("--pictures.clips=0", "--trainer.enable_progress_bar=false", "--last_checkpoint.every_n_steps=1"),
        *(f"--trainer.logger.save_dir={run}", "--trainer.logger.version=0"),
    ]


def shared(processes: int) -> list[str]:
    """What a training on several nodes needs beside."""
    return [f"--trainer.num_nodes={NODES}", f"--trainer.devices={processes // NODES}", "--trainer.strategy=ddp"]


def free_port() -> int:
    with socket.socket() as probing:
        probing.bind(("127.0.0.1", 0))
        return int(probing.getsockname()[1])


def start(commands: list[list[str]], environments: list[dict[str, str]], log: Path) -> list[subprocess.Popen[bytes]]:
    """Start processes that write to one file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    common = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1"}
    with log.open("wb") as file:
        return [
            subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env={**common, **own})
            for command, own in zip(commands, environments, strict=True)
        ]


def by_torchrun(arguments: list[str], log: Path) -> list[subprocess.Popen[bytes]]:
    """Two agents, as one would start on each of two machines."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={NODES}", f"--nproc-per-node={PER_NODE}"]
    command += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{free_port()}", "--rdzv-id=amclip"]
    command += ["--local-addr=127.0.0.1", "--max-restarts=0", "-m", "amclip"]
    return start([[*command, *arguments]] * NODES, [{}] * NODES, log)


def by_slurm(arguments: list[str], log: Path) -> list[subprocess.Popen[bytes]]:
    """Four processes with the variables that `srun` sets."""
    tasks = NODES * PER_NODE
    job = {
        "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "amclip", "SLURM_NTASKS": str(tasks), "SLURM_NNODES": str(NODES),
        "SLURM_NTASKS_PER_NODE": str(PER_NODE), "SLURM_NODELIST": "127.0.0.1", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }  # fmt: skip
    own = [
        {**job, "SLURM_PROCID": str(task), "SLURM_LOCALID": str(task % PER_NODE), "SLURM_NODEID": str(task // PER_NODE)}
        for task in range(tasks)
    ]
    return start([[sys.executable, "-m", "amclip", *arguments]] * tasks, own, log)


def end(processes: list[subprocess.Popen[bytes]]) -> list[int]:
    """Wait for all; their statuses."""
    until = time.monotonic() + PATIENCE
    try:
        return [process.wait(max(until - time.monotonic(), 1.0)) for process in processes]
    finally:
        for process in processes:
            process.kill()


def wait_for(path: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    """Until there is a file, while the processes live."""
    until = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > until or any(process.poll() is not None for process in processes):
            raise RuntimeError(f"{path} was not written")
        time.sleep(0.05)


def children(of: int) -> list[int]:
    """Processes that a process started."""
    found = Path(f"/proc/{of}/task/{of}/children").read_text().split()
    return [int(pid) for pid in found]


def score_of(checkpoint: Path) -> float:
    """Macro mAP of the validation that was the best."""
    states = torch.load(checkpoint, weights_only=True)["callbacks"].values()
    return next(float(state["best_model_score"]) for state in states if state.get("best_model_score") is not None)


def steps_of(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, weights_only=True)["global_step"])


def difference(one: Path, other: Path) -> float:
    """Greatest difference of two checkpoints' weights."""
    first, second = (torch.load(path, weights_only=True)["state_dict"] for path in (one, other))
    return max(float((first[name] - second[name]).abs().max()) for name in first if first[name].is_floating_point())


def said(log: Path, text: str) -> str:
    """The first line of a log that holds a text, without folders."""
    lines = log.read_text(errors="replace").splitlines()
    line = next((line for line in lines if text in line), "(nothing)")
    return line.replace(str(log.parent), "RUNS")


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/nodes"))
    benchmark = Benchmark(parser, __file__)
    work, processes = benchmark.work, NODES * PER_NODE
    if benchmark.quick:
        with benchmark.section("One process") as lines:
            benchmark.amclip(*words(drawn_clips(), work / "one", 1))
            lines.append(f"{steps_of(work / 'one/version_0/checkpoints/last.ckpt')} steps")
        benchmark.close()
        return
    benchmark.head(
        "# Two nodes of two processes\n\nWritten by `docs/benchmarks/nodes.py` on one machine, over its loopback: "
        f"`configs/demo.yaml` with {CLIPS} drawn clips, {EPOCHS} epochs, {AT_ONCE} clips a step, on CPU (gloo). "
        f"PyTorch {torch.__version__}."
    )
    data = work / "data"
    if not (data / "labels.csv").exists():
        benchmark.amclip("synth", data, f"--clips={CLIPS}", "--seconds=3")
    last = {name: work / name / "version_0/checkpoints/last.ckpt" for name in ("one", "whole", "killed", "stopped")}
    with benchmark.section("One process") as lines:
        statuses = end(start([[sys.executable, "-m", "amclip", *words(data, work / "one", 1)]], [{}], work / "one.log"))
        lines.append(f"Status {statuses[0]}; {steps_of(last['one'])} steps.")
    with benchmark.section("torchrun, two nodes of two processes") as lines:
        log = work / "whole.log"
        statuses = end(by_torchrun([*words(data, work / "whole", processes), *shared(processes)], log))
        lines.append(
            f"Statuses of the agents {statuses}; {steps_of(last['whole'])} steps; macro mAP on validation "
            f"{score_of(last['whole']):.4f}, and of one process {score_of(last['one']):.4f}. (Their weights are not "
            "compared: where a gradient is next to nothing, AdamW makes a whole step of its rounding. "
            "`tests/test_processes.py` compares losses.)"
        )
    with benchmark.section("A process is killed") as lines:
        log = work / "killed.log"
        agents = by_torchrun([*words(data, work / "killed", processes), *shared(processes)], log)
        wait_for(last["killed"], agents)
        os.kill(children(agents[1].pid)[-1], signal.SIGKILL)
        began = time.monotonic()
        statuses = end(agents)
        lines.append(f"All had ended {time.monotonic() - began:.0f} s later, statuses of the agents {statuses}:\n")
        lines.append(f"    {said(log, 'amclip fit:')}\n")
        kept = steps_of(last["killed"])
        again = ["fit", f"--ckpt_path={last['killed']}"]
        statuses = end(by_torchrun(again, work / "killed again.log"))
        lines.append(
            f"Begun again with `--ckpt_path` at step {kept}: statuses {statuses}, {steps_of(last['killed'])} steps, "
            f"greatest difference of a weight from the training left alone "
            f"{difference(last['whole'], last['killed']):.1e}."
        )
    with benchmark.section("SLURM tells all tasks to end") as lines:
        log = work / "stopped.log"
        tasks = by_slurm([*words(data, work / "stopped", processes), *shared(processes)], log)
        wait_for(last["stopped"], tasks)
        for task in tasks:
            task.send_signal(signal.SIGTERM)
        began = time.monotonic()
        statuses = end(tasks)
        lines.append(f"All had ended {time.monotonic() - began:.0f} s later, statuses {statuses}:\n")
        lines.append(f"    {said(log, 'amclip fit:')}\n")
        kept = steps_of(last["stopped"])
        statuses = end(by_slurm(["fit", f"--ckpt_path={last['stopped']}"], work / "stopped again.log"))
        lines.append(
            f"Begun again with `--ckpt_path` at step {kept}: statuses {statuses}, {steps_of(last['stopped'])} steps, "
            f"greatest difference of a weight from the training left alone "
            f"{difference(last['whole'], last['stopped']):.1e}."
        )
    benchmark.close()


if __name__ == "__main__":
    main()
