"""The same answer on any number of processes."""

import csv
import json
from pathlib import Path
from typing import Any

import forked
import pytest
import run_processes


@pytest.fixture(scope="module")
def found(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What 1 to 4 processes wrote that trained, with either sampler, and tested."""
    target: Path = tmp_path_factory.mktemp("processes")
    runs = [(processes, sampler) for processes in (1, 2, 4) for sampler in ("shuffled", "class-aware")]
    for processes, name in [*runs, (2, "sharded"), *((processes, "test") for processes in (1, 2, 3, 4))]:
        outputs = [target / f"{name}_{processes}_{rank}.txt" for rank in range(processes)]
        ranks = forked.start_ranks(outputs, run_processes.work, drawn, target, processes, name)
        codes = [forked.ended(rank) for rank in ranks]
        assert codes == [0] * processes, [output.read_text()[-3000:] for output in outputs]
    return target


def of(found: Path, name: str, processes: int) -> list[dict[str, Any]]:
    return [json.loads((found / f"{name}_{processes}_{rank}.json").read_text()) for rank in range(processes)]


@pytest.mark.parametrize(
    ("name", "processes"),
    [*((name, count) for name in ("shuffled", "class-aware") for count in (2, 4)), ("sharded", 2)],
)
def test_training_is_the_same_to_rounding(found: Path, name: str, processes: int) -> None:
    (alone,), parts = of(found, "shuffled" if name == "sharded" else name, 1), of(found, name, processes)
    assert len(alone["steps"]) == 4
    for step, (loss, clips) in enumerate(alone["steps"]):
        shares = [part["steps"][step] for part in parts]
        assert [clip for _, mine in shares for clip in mine] == clips
        assert sum(mine for mine, _ in shares) / processes == pytest.approx(loss, abs=1e-5)
    for part in parts:
        assert part["weights"] == pytest.approx(alone["weights"], abs=2e-4)
    assert len({str(part["weights"]) for part in parts}) == 1


@pytest.mark.parametrize("processes", [2, 3, 4])
def test_testing_sees_every_clip_once_and_scores_the_same(found: Path, drawn: Path, processes: int) -> None:
    (alone,), parts = of(found, "test", 1), of(found, "test", processes)
    assert len(alone["labels"]) == sum(row["split"] == "test" for row in csv.DictReader((drawn / "labels.csv").open()))
    assert len(alone["labels"]) % 4  # processes get unequal numbers
    for part in parts:
        assert part["metrics"] == pytest.approx(alone["metrics"], abs=1e-6, nan_ok=True)
        rows = zip(part["probabilities"], part["labels"], strict=True)
        wanted = zip(alone["probabilities"], alone["labels"], strict=True)
        for (row, labels), (row_alone, labels_alone) in zip(sorted(rows), sorted(wanted), strict=True):
            assert row == pytest.approx(row_alone, abs=1e-6)
            assert labels == labels_alone


def test_weights_in_parts_leave_a_checkpoint_like_any_other(found: Path, drawn: Path) -> None:
    parts = of(found, "sharded", 2)
    task, data = run_processes.task_and_data(drawn, 3)
    sizes = [weight.numel() for weight in task.network.parameters()]
    assert [sum(kept) for kept in zip(*(part["kept"] for part in parts), strict=True)] == sizes
    assert max(sum(part["kept"]) for part in parts) < 0.6 * sum(sizes)
    metrics = run_processes.trainer(found, 1).test(task, data, verbose=False, ckpt_path=found / "sharded.ckpt")[0]
    for part in parts:
        assert part["metrics"] == pytest.approx(metrics, abs=1e-6, nan_ok=True)
    fitting = run_processes.trainer(
        found, 1, max_epochs=run_processes.EPOCHS + 1, limit_train_batches=1, limit_val_batches=0
    )
    fitting.fit(task, data, ckpt_path=found / "sharded.ckpt")
    assert fitting.global_step == run_processes.EPOCHS * run_processes.STEPS + 1
