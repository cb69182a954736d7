"""SIGTERM, Ctrl-C and a closed terminal: every command ends, says what it kept, and leaves nothing half written."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from untrained import make_checkpoint, write_animals

import amclip
from amclip import interrupt
from amclip.checkpoint import read_checkpoint
from amclip.cli import main
from amclip.data.dataset import ClipDataset
from amclip.task import BehaviourTask

DEMO = f"--config={Path(__file__).parents[1] / 'configs/demo.yaml'}"
LABELS = "filepath,start,stop,label\na.mp4,0,1,walking\na.mp4,1,2,eating\n"


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    """Signals act as in a terminal, also where the tests run behind ``nohup`` or ``&``, which ignore some."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {signum: signal.signal(signum, handler) for signum, handler in usual.items()}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint, a video, labels, and an annotation."""
    folder = tmp_path_factory.mktemp("place")
    make_checkpoint(folder, knowledge={"clip_seconds": 1.2})
    (folder / "videos").mkdir()
    write_animals(folder / "videos" / "a.mp4", seconds=4.0)
    (folder / "labels.csv").write_text(LABELS)
    (folder / "others.csv").write_text(LABELS.replace("1,2", "1,3"))
    main(["annotate", f"{folder}/videos", f"--checkpoint={folder}/model.ckpt", f"--output={folder}/annotation"])
    return folder


def words(command: str, place: Path, output: Path) -> list[str]:
    """A command line of each command, writing to ``output``."""
    video, model = f"{place}/videos", f"{place}/model.ckpt"
    return {
        "annotate": ["annotate", video, f"--checkpoint={model}", f"--output={output}", "--hop=0.2"],
        "convert": ["convert", f"{place}/labels.csv", f"{output}/out.csv", "--to=boris"],
        "evaluate": ["evaluate", f"{place}/labels.csv", f"{place}/others.csv", f"--output={output}"],
        "flow": ["flow", f"{video}/a.mp4", f"--output={output}/out.mp4", "--size=24"],
        "predict": [
            *("predict", f"--ckpt_path={model}", f"--data.source.root={video}", f"--predictions.path={output}/out.csv"),
            *("--data.cache_dir=null", "--trainer.enable_progress_bar=false"),
        ],
        "report": ["report", f"{place}/annotation", f"--output={output}/out.html"],
        "suggest": ["suggest", video, f"--checkpoint={model}", f"--output={output}"],
    }[command]


def strike(monkeypatch: pytest.MonkeyPatch, target: str, signum: int, calls: int = 1) -> None:
    """Send this process a signal when a function is called for the n-th time."""
    home, _, name = target.rpartition(".")
    owner: Any = __import__(home, fromlist=["_"]) if home.startswith("amclip") and "Task" not in home else BehaviourTask
    inner: Callable[..., Any] = getattr(owner, name)
    count = 0

    def struck(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count == calls:
            signal.raise_signal(signum)
        return inner(*arguments, **named)

    monkeypatch.setattr(owner, name, struck)


def half_written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".*") if path.is_file() and ".journal" not in path.parts)


@pytest.mark.parametrize(
    ("command", "where", "name"),
    [
        ("annotate", "amclip.inputs.segment_indices", "SIGTERM"),
        ("annotate", "amclip.ethogram.outputs.time_budget", "SIGINT"),
        ("convert", "amclip.data.formats.boris_export._observation_cells", "SIGTERM"),
        ("convert", "amclip.atomic._sync", "SIGINT"),
        ("evaluate", "amclip.ethogram.agreement.match_bouts", "SIGTERM"),
        ("flow", "amclip.commands.flow._side_by_side", "SIGINT"),
        ("predict", "amclip.task.BehaviourTask.predict_step", "SIGTERM"),
        ("predict", "amclip.callbacks._read", "SIGINT"),
        ("report", "amclip.report.html._curves", "SIGTERM"),
        ("suggest", "amclip.suggest.pool.embed_windows", "SIGTERM"),
        ("suggest", "amclip.suggest.outputs.make_media", "SIGINT"),
    ],
)
def test_a_command_ends_where_it_stands_and_leaves_nothing_half_written(
    command: str,
    where: str,
    name: str,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {end: tmp_path / f"out.{end}" for end in ("csv", "mp4", "html")}
    for path in before.values():
        path.write_text("was here before")
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    signum = signal.Signals[name]
    strike(monkeypatch, where, signum)
    with pytest.raises(SystemExit) as ended:
        main(words(command, place, tmp_path))
    said = capsys.readouterr().err
    assert ended.value.code == 128 + signum
    assert f"amclip {command}: stopped by {'SIGTERM' if name == 'SIGTERM' else 'Ctrl-C'}. " in said
    assert "Traceback" not in said
    assert half_written(tmp_path) == []
    assert {path.read_text() for path in before.values()} == {"was here before"}
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_what_a_stopped_annotation_kept_is_not_scored_again(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from amclip.ethogram.journal import Journal

    add, batches = Journal.add, []

    def counted(self: Journal, *arguments: Any) -> None:
        add(self, *arguments)
        batches.append(1)
        if len(batches) == 5:
            signal.raise_signal(signal.SIGHUP)

    monkeypatch.setattr(Journal, "add", counted)
    with pytest.raises(SystemExit) as ended:
        main(words("annotate", place, tmp_path))
    assert ended.value.code == 129
    assert "the same command goes on from there" in capsys.readouterr().err
    main(words("annotate", place, tmp_path))
    assert len(batches) == len((tmp_path / "windows.csv").read_text().splitlines()) - 1  # of one window each


@pytest.mark.parametrize("call", [3, 4], ids=["within an epoch", "at its last step"])
def test_a_stopped_training_keeps_its_steps_and_goes_on_with_the_next(
    call: int, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = []
    step = BehaviourTask.training_step

    def seen(self: BehaviourTask, batch: Any, batch_idx: int) -> Any:
        clips.append(batch["clip"].tolist())
        return step(self, batch, batch_idx)

    monkeypatch.setattr(BehaviourTask, "training_step", seen)
    fit = [
        *("fit", DEMO, f"--data.source.root={drawn}", f"--data.source.labels={drawn / 'labels.csv'}"),
        "--data.num_workers=0",
        *(f"--trainer.logger.save_dir={tmp_path}", "--trainer.limit_train_batches=2", "--trainer.max_epochs=3"),
        *("--trainer.enable_progress_bar=false", "--input.num_segments=1", "--input.positions_per_segment=2"),
        *("--data.cache_dir=null", "--trainer.limit_val_batches=1"),
    ]
    main([*fit, f"--trainer.logger.save_dir={tmp_path / 'whole'}"])
    whole = clips[:]
    clips.clear()
    with monkeypatch.context() as patch:
        strike(patch, "amclip.task.BehaviourTask.training_step", signal.SIGTERM, calls=call)
        with pytest.raises(SystemExit) as ended:
            main(fit)
    assert ended.value.code == 143
    last = tmp_path / "version_0" / "checkpoints" / "last.ckpt"
    said = capsys.readouterr().err
    assert f"amclip fit --ckpt_path {last}" in said
    assert f"All is kept up to step {call}, in epoch 1" in said
    assert "Traceback" not in said
    assert len(clips) == call
    assert read_checkpoint(last)["global_step"] == call
    main(["fit", f"--ckpt_path={last}"])
    assert read_checkpoint(last)["epoch"] == 2
    assert clips == whole


def test_a_killed_reading_process_is_told_with_the_way_on(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # As in a command's own process: PyTorch looks out for killed workers by a handler that it sets once, and Lightning
    # takes it away at the end of each run, so the tests before this one have left none.
    monkeypatch.setattr("torch.utils.data._utils.signal_handling._SIGCHLD_handler_set", False)
    read = ClipDataset.__getitems__
    parent = os.getpid()

    def killed(self: ClipDataset, keys: Any) -> Any:
        if os.getpid() != parent and any(isinstance(key, tuple) and key[1] == 1 for key in keys):  # in the second epoch
            os.kill(os.getpid(), signal.SIGKILL)
        return read(self, keys)

    monkeypatch.setattr(ClipDataset, "__getitems__", killed)
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("fit", DEMO, f"--data.source.root={drawn}", f"--data.source.labels={drawn / 'labels.csv'}"),
                "--data.num_workers=1",
                *(f"--trainer.logger.save_dir={tmp_path}", "--trainer.limit_train_batches=1", "--trainer.max_epochs=2"),
                *("--trainer.enable_progress_bar=false", "--input.num_segments=1", "--input.positions_per_segment=2"),
                *("--data.cache_dir=null", "--trainer.limit_val_batches=1"),
            ]
        )
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "a process that read videos" in said
    assert "was ended" in said
    assert "--data.num_workers" in said
    last = tmp_path / "version_0" / "checkpoints" / "last.ckpt"
    assert f"go on with: amclip fit --ckpt_path {last}" in said
    assert "Traceback" not in said
    assert read_checkpoint(last)["epoch"] == 0


def test_lost_workers_are_told_apart() -> None:
    from amclip.guard import explain_lost_worker

    def told(text: str) -> str:
        return explain_lost_worker(RuntimeError(text)) or ""

    assert "shared memory" in told(
        "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
        "shared memory. Please try to raise your shared memory limit."
    )
    assert "pid 7, 8" in told("DataLoader worker (pid(s) 7, 8) exited unexpectedly")
    assert "no batch for 200 s" in told("DataLoader timed out after 200.0 seconds")
    assert told("mat1 and mat2 shapes cannot be multiplied") == ""


def test_a_helper_that_is_stuck_outlives_a_signal_by_the_grace_and_no_longer() -> None:
    work = (
        "import threading, time; from amclip import interrupt; interrupt.GRACE = 0.5; interrupt.outlive_signals(); "
        "print('stuck', flush=True); lock = threading.Lock(); lock.acquire(); lock.acquire()"
    )
    helper = subprocess.Popen([sys.executable, "-c", work], stdout=subprocess.PIPE, text=True)
    assert helper.stdout is not None
    assert helper.stdout.readline() == "stuck\n"
    began = time.monotonic()
    helper.terminate()
    assert helper.wait(60) == 143
    assert time.monotonic() - began > 0.4


@pytest.mark.parametrize(
    "text",
    [
        "[../third_party/gloo/gloo/transport/tcp/pair.cc:538] Connection closed by peer [127.0.0.1]:5050",
        "[/pytorch/gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 1800000ms for recv operation to complete",
        "Timed out after 61 seconds waiting for clients. 1/2 clients joined.",
        "NCCL communicator was aborted on rank 1. Original reason for failure was: watchdog timeout",
    ],
)
def test_a_lost_process_is_told_of(text: str) -> None:
    from amclip.guard import explain_lost_process

    assert "another process of this training has ended" in (explain_lost_process(RuntimeError(text)) or "")
    assert explain_lost_process(RuntimeError("DataLoader timed out after 200.0 seconds")) is None
    assert explain_lost_process(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interruption_that_python_drops_comes_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interrupt, "GRACE", 0.3)

    class Finaliser:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def work() -> None:
        Finaliser()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.01)

    with pytest.raises(SystemExit) as ended:
        interrupt.run_stoppable("work", work)
    assert ended.value.code == 143
    assert "amclip work: stopped by SIGTERM" in capsys.readouterr().err


def test_a_process_that_waits_in_c_is_ended_from_outside() -> None:
    script = (
        "import ctypes, signal, sys, threading\n"
        "from amclip import interrupt\n"
        "interrupt.GRACE = 0.2\n"
        "def work():\n"
        "    interrupt.on_hard_exit(lambda: print('the others are ended', flush=True))\n"
        "    c, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)\n"
        "    c.pthread_mutex_lock(mutex)\n"
        "    while True:\n"  # in the lock for ever, also where the signal comes before it
        "        try:\n"
        "            print('waits', flush=True)\n"
        "            c.pthread_mutex_lock(mutex)\n"
        "        except KeyboardInterrupt:\n"
        "            pass\n"
        "interrupt.run_stoppable('work', work)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(amclip.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "ended now" in err
    assert out.endswith("the others are ended\n")


def test_what_a_shell_or_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        interrupt.run_stoppable("work", lambda: signal.raise_signal(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
