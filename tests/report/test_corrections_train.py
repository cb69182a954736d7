"""The loop from model to human to model: annotate, correct on the page, train on the download, annotate again."""

from pathlib import Path

import numpy as np
import pytest
from pages import OpenPage, write_run

from amclip.cli import main
from amclip.data.synthetic import ClipSettings, iterate_frames
from amclip.data.writer import VideoWriter
from amclip.ethogram.annotation_file import read_run
from amclip.report.windows import read_windows

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of one animal and six of another."""
    path = tmp_path_factory.mktemp("long") / "animals.mp4"
    with VideoWriter(path, 15, (48, 64)) as writer:
        for index in (2, 3):
            for frame in iterate_frames(ClipSettings(5, 6.0, (48, 64)), index):
                writer.write(frame)
    return path


def annotate(video: Path, checkpoint: Path, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the windows, and probabilities of the behaviours."""
    words = ("annotate", video, "--checkpoint", checkpoint, "--output", folder, "--window", 1, "--hop", 1)
    main(list(map(str, (*words, "--accelerator", "cpu"))))
    (scores,) = read_windows(read_run(folder))
    return (scores.start + scores.stop) / 2, scores.probabilities


def test_corrections_change_the_predictions_where_they_were_made(
    trained: Path, video: Path, tmp_path: Path, opened: OpenPage
) -> None:
    middles, before = annotate(video, trained, tmp_path / "before")
    main(["report", str(tmp_path / "before")])
    page = opened(tmp_path / "before" / "report.html")
    # The person says: walking up to the sixth second, and pecking from then on; nothing else.
    classes = page.tab.evaluate("page.run.classes")
    first, second = classes.index("walking"), classes.index("pecking")
    for column in range(len(classes)):
        while bouts := page.bouts(column):
            page.tab.evaluate(
                "([c, start, stop]) => page.corrections.remove(0, c, { start, stop })", [column, *bouts[0]]
            )
    page.tab.evaluate("c => page.corrections.add(0, c, 0, 6)", first)
    page.tab.evaluate("c => page.corrections.add(0, c, 6, 12)", second)
    page.press("0", "c", "d")
    page.tab.check("[name=part][value=checked]")
    page.tab.fill("#window-hop", "0.5")
    table = page.download("#download-labels", tmp_path)
    words = (
        *(
            "fit",
            f"--config={ROOT / 'configs/demo.yaml'}",
            f"--data.source.labels={table}",
            f"--data.source.root={video.parent}",
        ),
        *(
            f"--data.source.classes=[{','.join(classes)}]",
            f"--trainer.logger.save_dir={tmp_path}",
            "--data.num_workers=0",
        ),
        *(
            "--trainer.max_epochs=10",
            "--data.batch_size=4",
            "--trainer.enable_progress_bar=false",
            "--input.num_segments=1",
        ),
        *("--input.positions_per_segment=4", "--data.cache_dir=null", "--model.optimiser.learning_rate=5e-3"),
    )
    main(list(words))
    _, after = annotate(video, tmp_path / "version_0" / "checkpoints" / "last.ckpt", tmp_path / "after")
    early = middles < 6

    def told_apart(probabilities: np.ndarray) -> float:
        """How much more the early windows look like walking, and the late ones like pecking, than the others do."""
        walking, pecking = probabilities[:, first], probabilities[:, second]
        return float(walking[early].mean() - walking[~early].mean() + pecking[~early].mean() - pecking[early].mean())

    assert abs(told_apart(before)) < 0.3
    assert told_apart(after) > told_apart(before) + 0.15
    wanted = np.zeros_like(after)
    wanted[early, first] = wanted[~early, second] = 1
    assert np.abs(after - wanted).mean() < 0.95 * np.abs(before - wanted).mean()


def test_boris_events_of_the_page_train(video: Path, tmp_path: Path, opened: OpenPage) -> None:
    names = [f"{number}.mp4" for number in range(4)]  # enough to hold one out for validation
    for name in names:
        (tmp_path / name).write_bytes(video.read_bytes())
    run = write_run(tmp_path / "run", ("walking", "pecking"), [(name, str(video), 12.0, 15.0) for name in names])
    main(["report", str(run)])
    page = opened(run / "report.html")
    page.press("d")
    table = page.download("#download-tabular", tmp_path)
    words = (
        *(
            "fit",
            f"--config={ROOT / 'configs/demo.yaml'}",
            f"--data.source.labels={table}",
            f"--data.source.root={tmp_path}",
        ),
        *(
            "--data.source.window=1",
            f"--trainer.logger.save_dir={tmp_path}",
            "--data.num_workers=0",
            "--input.num_segments=1",
        ),
        *("--input.positions_per_segment=2", "--data.cache_dir=null", "--trainer.fast_dev_run=true"),
    )
    main(list(words))
