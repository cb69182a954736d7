import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:
    # Side by side, before PyTorch is loaded: with more threads than cores they would spin, waiting for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

from amclip.data import probe
from amclip.data.synthetic import ClipSettings, write_dataset
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError

# On a machine with other work, the time a test takes says nothing of it.
hypothesis.settings.register_profile("amclip", deadline=None)
hypothesis.settings.load_profile("amclip")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For tests that compare bits: with several threads sums may come in another order from call to call."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


_PROBED: dict[tuple[str, str, bool], VideoInfo | VideoError] = {}


@pytest.fixture(scope="module", autouse=True)
def remembers_videos() -> Iterator[None]:
    """What probing found in a file is remembered by its content, for it starts processes: half a second for each test.

    A module that tests probing itself has a fixture of this name that does nothing.
    """
    probe_all = probe._probe_all

    def remembering(
        todo: list[Path], found: dict[Path, Any], count: int, timeout: float, thorough: bool, *of: Any
    ) -> None:
        # What is wrong with a file may name it, so that is kept by its path too.
        digests = {path: _digest(path) for path in todo if not path.is_dir()}
        for path, digest in digests.items():
            for name in (path.suffix, str(path)):
                if (name, digest, thorough) in _PROBED:
                    found[path] = _PROBED[name, digest, thorough]
        if rest := [path for path in todo if path not in found]:
            probe_all(rest, found, min(count, len(rest)), timeout, thorough, *of)
        for path in digests.keys() & found.keys():
            name = path.suffix if isinstance(found[path], VideoInfo) else str(path)
            _PROBED[name, digests[path], thorough] = found[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "_probe_all", remembering)
        yield


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return str(error.errno)


#: Files of long tests: one that came last would leave the other process of -n 2 idle.
LONG = (
    *("test_end_to_end.py", "flow/test_kernels_emulated.py", "test_configs.py", "commands/test_annotate.py"),
    *("test_processes.py", "test_training_craft.py", "test_interrupt.py", "test_task.py"),
    *("commands/test_embed.py", "data/stored/test_training.py", "data/test_datamodule.py", "report/test_page_use.py"),
    *("report/test_corrections_train.py", "test_motion_training.py", "suggest/test_suggest.py", "test_zero_shot.py"),
    *("ethogram/test_killed.py", "data/test_readers.py", "commands/test_check.py", "test_per_animal.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files go first. GPU tests run wherever there is a GPU; with AMCLIP_REQUIRE_GPU=1 one must be there."""
    first = {Path(__file__).parent / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: first.get(item.path, len(first)))
    if torch.cuda.is_available():
        return
    if os.environ.get("AMCLIP_REQUIRE_GPU") == "1":
        raise pytest.UsageError("AMCLIP_REQUIRE_GPU=1, but PyTorch finds no CUDA device")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty short clips of the synthetic animals, every class in every split."""
    folder = tmp_path_factory.mktemp("drawn")
    write_dataset(folder, 40, ClipSettings(seconds=1.4, size=(48, 64)), workers=1, progress=False)
    return folder


@pytest.fixture(scope="session")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a short `amclip fit`, with one segment of four positions."""
    from amclip.cli import main

    folder = tmp_path_factory.mktemp("runs")
    words = (
        *("fit", f"--config={Path(__file__).parents[1] / 'configs/demo.yaml'}", f"--data.source.root={drawn}"),
        *(
            f"--data.source.labels={drawn / 'labels.csv'}",
            f"--trainer.logger.save_dir={folder}",
            "--trainer.max_epochs=1",
        ),
        *("--trainer.limit_train_batches=2", "--trainer.enable_progress_bar=false", "--data.num_workers=0"),
        *("--input.num_segments=1", "--input.positions_per_segment=4", "--data.cache_dir=null"),
    )
    main(list(words))
    return folder / "version_0" / "checkpoints" / "last.ckpt"
