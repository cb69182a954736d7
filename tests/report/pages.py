"""Folders as `amclip annotate` leaves them, and a page made of them in a browser."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amclip.data.writer import VideoWriter


def write_video(path: Path, frames: int = 150, fps: float = 25.0, size: tuple[int, int] = (48, 64)) -> Path:
    """A square that moves to the right before a still ground with texture."""
    ground = np.random.default_rng(0).integers(30, 120, (*size, 3)).astype(np.uint8)
    with VideoWriter(path, fps, size) as writer:
        for index in range(frames):
            picture = ground.copy()
            left = index % (size[1] - 12)
            picture[16:32, left : left + 12] = 220
            writer.write(picture)
    return path


def write_run(
    folder: Path,
    classes: Sequence[str] = ("walking", "grooming", "still"),
    videos: Sequence[tuple[str, str, float, float]] = (("clip.mp4", "", 6.0, 25.0),),
    window: float = 0.4,
    hop: float = 0.2,
    seed: int = 0,
    **settings: Any,
) -> Path:
    """A folder of annotations: ``videos`` are name, path, duration and frames per second; scores are waves
    with noise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tables, told = [], []
    for name, path, duration, fps in videos:
        frames = round(duration * fps)
        first = np.unique(np.round(np.arange(0, duration - window + 1e-9, hop) * fps).astype(np.int64))
        last = np.minimum(first + round(window * fps), frames)
        cycles = len(first) / 29 * (3.2 + 0.7 * (np.arange(len(classes)) % 5))
        waves = -np.cos(2 * np.pi * np.linspace(0, 1, len(first))[:, None] * cycles)
        scores = (1 / (1 + np.exp(-3 * waves - rng.normal(0, 0.4, waves.shape)))).astype(np.float32)
        columns: dict[str, Any] = {"video": [name] * len(first), "start": first / fps, "stop": last / fps}
        columns |= {"start_frame": first, "stop_frame": last}
        tables.append(pa.table(columns | {f"{c} #{k}": scores[:, k] for k, c in enumerate(classes)}))
        told.append(
            {"video": name, "path": path, "fps": fps, "num_frames": frames, "duration": duration, "offset": 0.0}
        )
    pq.write_table(pa.concat_tables(tables), folder / "windows.parquet")
    mine = {
        "threshold": 0.5,
        "off_threshold": 0.5,
        "smoothing": 0.0,
        "minimum_bout": 0.0,
        "minimum_gap": 0.0,
    } | settings
    annotation = {
        **{"amclip": "0.1.0", "checkpoint": "best.ckpt", "classes": list(classes), "window": window, "hop": hop},
        **{"settings": dict.fromkeys(classes, mine), "videos": told, "errors": []},
    }
    (folder / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    return folder


class Opened:
    """A page in the browser, with everything it asked for and complained about."""

    def __init__(self, context: Any, path: Path) -> None:
        self.context = context
        self.tab = context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(path.absolute().as_uri())
        self.started()

    def started(self) -> None:
        """Wait until the page has read what the browser keeps, and is drawn."""
        self.wait("document.readyState === 'complete' && !('starting' in document.documentElement.dataset)")
        self.settle()

    def kept(self) -> None:
        """Wait until the browser keeps what was changed, or has refused to."""
        self.wait("page.store.pending === 0")
        self.settle()

    def reload(self) -> None:
        """Load the page again, as a person does who sees no question on leaving it: when all is kept."""
        self.kept()
        self.tab.reload()
        self.started()

    def wait(self, condition: str, seconds: float = 10) -> None:
        """Wait until a condition holds. Playwright's own way needs `eval`, which the page forbids."""
        deadline = time.monotonic() + seconds
        while not self.tab.evaluate(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{condition} did not hold within {seconds} s")
            self.tab.wait_for_timeout(20)

    def settle(self) -> None:
        """Wait until what was changed is drawn."""
        self.tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)
        self.settle()

    def bouts(self, column: int, video: int = 0) -> list[tuple[float, float]]:
        found = self.tab.evaluate("([v, c]) => page.corrections.bouts(v, c)", [video, column])
        return [(bout["start"], bout["stop"]) for bout in found]

    def now(self) -> float:
        return float(self.tab.evaluate("page.player.time"))

    def place(self, seconds: float, column: int) -> tuple[float, float]:
        """Where on the screen a time and a behaviour are on the raster."""
        x, y = self.tab.evaluate(
            """([time, column]) => {
              const box = byId("raster").getBoundingClientRect();
              return [box.left + page.view.x(time, box.width), box.top + (column + 0.5) * ROW];
            }""",
            [seconds, column],
        )
        return x, y

    def drag(self, start: tuple[float, float], stop: tuple[float, float]) -> None:
        mouse = self.tab.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
        mouse.move(*stop)
        mouse.up()
        self.settle()

    def download(self, button: str, folder: Path) -> Path:
        with self.tab.expect_download() as waiting:
            self.tab.click(button)
        target = folder / waiting.value.suggested_filename
        waiting.value.save_as(target)
        return target


OpenPage = Callable[[Path], Opened]
