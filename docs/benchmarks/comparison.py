"""Frames, flow or both in two ways × dense, semi-dense or sparse × frame-wise or X-CLIP: 24 models, side by side.

    python docs/benchmarks/comparison.py
    python docs/benchmarks/comparison.py --encoders frame-wise --schemes dense       a part of them
    python docs/benchmarks/comparison.py --quick        a few clips and models, to see that it works

Both are *interleaved*, one sequence in time as in the paper, or joined *late* (``model.network.fusion``).

The clips are drawn (:mod:`amclip.data.synthetic`): 12 seconds of one animal, about five bouts that come and go. Their
19 labels need different things to be told:

* *coat* (3): dark, pale or rusty, which is in any frame and in no flow image;
* *movement* (9): the demo's behaviours, alike in single frames and different in direction or speed;
* *coat and movement* (3): a dark, pale or rusty animal that feeds, which takes both;
* *order* (4): feeding before or after running, walking before or after moving the tail, which takes a view of the clip.

Clips are drawn and flow is computed once; every model is amclip's :class:`BehaviourTask` with the demo's network and
rates, trained by Lightning for the same number of steps on the same clips, and tested once, at the end, on clips of
another seed. Average precision is scikit-learn's. Writes `comparison.md` and `comparison.png` beside this file. One
finished model is one file below `--work`, so a run that was cut off goes on; where the numbers at the top of this file
are others, it asks for another folder. All models of a page are kept in `comparison.json`, too: `--known
docs/benchmarks/comparison.json` takes the models of an earlier run from there, and trains what is missing.
"""

import json
import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer, seed_everything
from numpy.typing import NDArray
from sections import Benchmark, new_parser
from sklearn.metrics import average_precision_score
from torch.utils.data import DataLoader, Dataset

from amclip.data.samplers import EpochSampler
from amclip.data.synthetic import ClipSettings
from amclip.data.synthetic.clips import iterate_frames, labels_of, look_of, plan_clip
from amclip.data.synthetic.motion import BEHAVIOURS, Bout
from amclip.inputs import FlowInput, NetworkInput
from amclip.models.config import FusionConfig, NetworkConfig, TemporalConfig
from amclip.optimiser import Optimiser
from amclip.preprocess import Preprocess
from amclip.sampling import num_positions, sample_positions, segment_indices
from amclip.task import BehaviourTask

HERE = Path(__file__).parent
SECONDS, FPS, STRIDE, SIDE = 12.0, 15.0, 3, 64
TRAIN, TEST, BATCH, EPOCHS = 800, 240, 8, 4
SEGMENTS, POSITIONS = 3, 4
STEPS = 31
"""Of each setting, to time them."""
MODALITIES = {"frames": [0], "flow": [1], "interleaved": [0, 1], "late": [0, 1]}
SCHEMES = ("dense", "semi-dense", "sparse")
ENCODERS = {"frame-wise": TemporalConfig(heads=4), "X-CLIP": TemporalConfig("mit", heads=4)}
COATS = ("dark coat", "pale coat", "rusty coat")
FEEDING, TAIL = ("pecking", "drinking"), ("tail flicking", "tail swaying")
ORDERS = {
    "feeding, then running": (FEEDING, ("running",)),
    "running, then feeding": (("running",), FEEDING),
    "walking, then tail": (("walking",), TAIL),
    "tail, then walking": (TAIL, ("walking",)),
}
GROUPS = {
    "coat": COATS,
    "movement": BEHAVIOURS,
    "coat and movement": tuple(f"{coat}, feeding" for coat in COATS),
    "order": tuple(ORDERS),
}
CLASSES = [name for group in GROUPS.values() for name in group]


# ---------------------------------------------------------------------- clips


def clip_labels(bouts: tuple[Bout, ...], coat: str) -> set[str]:
    """Every label that holds for a clip."""
    shown = set(labels_of(bouts))
    found = {coat} | shown
    if shown.intersection(FEEDING):
        found.add(f"{coat}, feeding")
    for name, (first, second) in ORDERS.items():
        starts = [bout.stop for bout in bouts if bout.behaviour in first]
        ends = [bout.start for bout in bouts if bout.behaviour in second]
        if starts and ends and min(starts) <= max(ends):
            found.add(name)
    return found


def coat_of(colour: tuple[int, int, int]) -> str:
    """Dark by its luma, else pale or rusty by its saturation; the drawn coats lie far apart."""
    if np.dot(colour, (0.299, 0.587, 0.114)) < 90:
        return COATS[0]
    return COATS[1] if 1 - min(colour) / max(colour) < 0.4 else COATS[2]


def settings_of(seed: int) -> ClipSettings:
    return ClipSettings(seed, SECONDS, fps=FPS)


def alone(seed: int) -> Iterator[int]:
    """Clips with one animal, whose coat is then the clip's."""
    index = 0
    while True:
        if len(plan_clip(settings_of(seed), index).up) == 1:
            yield index
        index += 1


def draw(work: Path, name: str, seed: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 ``[N, T, 2, 3, S, S]`` (frame and flow image at every third frame) and labels ``[N, C]``, kept."""
    images_path, labels_path = work / f"{name}_images.npy", work / f"{name}_labels.npy"
    steps = (int(SECONDS * FPS) - 1) // STRIDE
    if not labels_path.exists():
        preprocess = Preprocess(NetworkInput(image_size=SIDE, flow=FlowInput(preset="fast", image="uvm", bound=3.0)))
        images = np.lib.format.open_memmap(images_path, "w+", np.uint8, (count, steps, 2, 3, SIDE, SIDE))
        labels = np.zeros((count, len(CLASSES)), np.int64)
        for row, index in zip(range(count), alone(seed), strict=False):
            frames = torch.from_numpy(np.stack(list(iterate_frames(settings_of(seed), index))))
            first = torch.arange(steps) * STRIDE
            pairs = torch.stack([frames[first], frames[first + 1]], dim=1).permute(0, 1, 4, 2, 3)
            seen = preprocess.denormalise(preprocess(pairs[None]).images)[0]
            images[row] = (seen * 255).round().to(torch.uint8).numpy()
            coat = coat_of(look_of(settings_of(seed), index).coat)
            found = clip_labels(plan_clip(settings_of(seed), index).bouts, coat)
            labels[row] = [label in found for label in CLASSES]
            if row % 100 == 0:
                print(f"{name}: clip {row} of {count}", flush=True)
        images.flush()
        np.save(labels_path, labels)
    return np.load(images_path, mmap_mode="r"), np.load(labels_path)


class Clips(Dataset[dict[str, torch.Tensor]]):
    """Drawn clips, sampled as amclip samples videos: a random frame of each bin in training, its middle otherwise."""

    def __init__(
        self, images: NDArray[np.uint8], labels: NDArray[np.int64], scheme: str, views: list[int], seed: int | None
    ) -> None:
        self.images, self.targets, self.views, self.seed = images, torch.from_numpy(labels).float(), views, seed
        self.positions = num_positions(scheme, SEGMENTS, POSITIONS)  # type: ignore[arg-type]
        self.segments = segment_indices(scheme, SEGMENTS, POSITIONS)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, item: int | tuple[int, int]) -> dict[str, torch.Tensor]:
        row, generator = (item, None) if isinstance(item, int) else (item[0], torch.Generator())
        if generator is not None and not isinstance(item, int):
            generator.manual_seed(int(np.random.SeedSequence([self.seed or 0, *item]).generate_state(1)[0]))
        # Every step of the drawn grid has its flow already, so all of them are usable: one more for the partner.
        steps = self.images.shape[1] + 1
        chosen, _ = sample_positions(np.arange(steps) / FPS, 0.0, steps / FPS, self.positions, 1 / FPS, generator)
        pixels = torch.from_numpy(self.images[row][chosen.numpy()][:, self.views])
        return {"images": pixels, "segments": self.segments, "labels": self.targets[row], "clip": torch.tensor(row)}


class Data(LightningDataModule):
    """The drawn clips as batches of normalised images."""

    def __init__(self, train: Clips, test: Clips, seed: int) -> None:
        super().__init__()
        self.train, self.test, self.seed, self.num_positions = train, test, seed, train.positions
        reference = NetworkInput()
        self.mean = torch.tensor(reference.mean).view(3, 1, 1)
        self.std = torch.tensor(reference.std).view(3, 1, 1)

    def train_dataloader(self) -> DataLoader[Any]:
        sampler = EpochSampler(self.train, BATCH, seed=self.seed)
        return DataLoader(self.train, batch_size=BATCH, sampler=sampler)

    def predict_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.test, batch_size=BATCH)

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        size = len(batch["labels"])
        images = (batch["images"].float() / 255 - self.mean) / self.std
        return batch | {"images": images, "skipped": torch.zeros(size), "error": [""] * size}


# ---------------------------------------------------------------------- models


def result_file(encoder: str, scheme: str, modality: str, seed: int, work: Path) -> Path:
    """Where a finished model is kept."""
    return work / f"{encoder}-{scheme}-{modality}-{seed}.json"


def new_task(encoder: str, scheme: str, modality: str) -> BehaviourTask:
    """The demo's network and rates, fed and joined as asked for."""
    seen = {"scheme": scheme, "num_segments": SEGMENTS, "positions_per_segment": POSITIONS, "image_size": SIDE}
    fed = "interleaved" if modality == "late" else modality
    return BehaviourTask(
        CLASSES,
        NetworkInput(**seen, modality=fed),  # type: ignore[arg-type]
        NetworkConfig(
            "amclip-tiny",
            "synthetic",
            encoder == "X-CLIP",
            temporal=ENCODERS[encoder],
            fusion=FusionConfig("late" if modality == "late" else "interleaved"),
        ),
        optimiser=Optimiser(learning_rate=2e-3, backbone_learning_rate=3e-4, weight_decay=0.01),
    )


def new_data(scheme: str, modality: str, seed: int, work: Path) -> "Data":
    """The clips of all models, sampled as asked for."""
    views = MODALITIES[modality]
    train = Clips(*draw(work, "train", 0, TRAIN), scheme, views, seed)
    return Data(train, Clips(*draw(work, "test", 1, TEST), scheme, views, None), seed)


def new_trainer(**more: Any) -> Trainer:
    """One that writes nothing."""
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return Trainer(accelerator="cpu", **quiet, **more)


def train_and_test(encoder: str, scheme: str, modality: str, seed: int, work: Path) -> dict[str, Any]:
    """Average precision per class and images per clip of one model."""
    done = result_file(encoder, scheme, modality, seed, work)
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text())
        return found
    data = new_data(scheme, modality, seed, work)
    seed_everything(seed, verbose=False)
    task = new_task(encoder, scheme, modality)
    embedded = 0

    def count(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal embedded
        embedded += len(inputs[0])

    trainer = new_trainer(max_epochs=EPOCHS)
    trainer.fit(task, data)
    handle = task.network.encoder.register_forward_hook(count)
    scores = torch.cat(trainer.predict(task, data)).numpy()  # type: ignore[arg-type]
    handle.remove()
    truth = data.test.targets.numpy()
    result = {
        "AP": {name: float(average_precision_score(truth[:, i], scores[:, i])) for i, name in enumerate(CLASSES)},
        "images": embedded / len(data.test),
        "said": task.network.images_per_clip(data.train.positions),
    }
    done.write_text(json.dumps(result))
    return result


class StepTimes(Callback):
    """Processor seconds of each step: those of the clock would tell what else the machine did."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, *given: Any) -> None:
        self._began = time.process_time()

    def on_train_batch_end(self, *given: Any) -> None:
        self.seconds.append(time.process_time() - self._began)


def time_of_step(encoder: str, scheme: str, modality: str, work: Path) -> float:
    """Processor seconds of a training step, median of all but the first."""
    times = StepTimes()
    seed_everything(0, verbose=False)
    task = new_task(encoder, scheme, modality)
    new_trainer(max_steps=STEPS, callbacks=[times]).fit(task, new_data(scheme, modality, 0, work))
    return float(statistics.median(times.seconds[1:] or times.seconds))


def macro(run: dict[str, Any], names: tuple[str, ...] | list[str] = CLASSES) -> float:
    """Mean of the classes' average precision, in per cent."""
    return 100 * statistics.mean(run["AP"][name] for name in names)


# ---------------------------------------------------------------------- table and picture

Key = tuple[str, str, str]


def write(
    results: dict[Key, list[dict[str, Any]]],
    seeds: list[int],
    share: dict[str, float],
    times: dict[Key, float],
    output: Path,
) -> None:
    """The table and the picture."""
    chance = {group: 100 * statistics.mean(share[name] for name in names) for group, names in GROUPS.items()}
    base = next(iter(times.values()))
    lines = [
        "| encoder | scheme | fed | seeds | macro mAP | "
        + " | ".join(GROUPS)
        + " | images per clip | time of a step |",
        "|---|---|---|---|---|" + "---|" * len(GROUPS) + "---|---|",
    ]
    for (encoder, scheme, modality), runs in results.items():
        cells = [str(len(runs)), spread([macro(run) for run in runs])]
        cells += [f"{statistics.mean(macro(run, list(names)) for run in runs):.1f}" for names in GROUPS.values()]
        ratio = times[encoder, scheme, modality] / base
        assert runs[0]["images"] == runs[0]["said"], "the count that fit prints is not what was embedded"
        lines.append(
            f"| {encoder} | {scheme} | {modality} | {' | '.join(cells)} | {runs[0]['images']:.0f} | {ratio:.1f} × |"
        )
    whole = 100 * statistics.mean(share.values())
    lines.append(f"| *chance* | | | | {whole:.1f} | {' | '.join(f'{value:.1f}' for value in chance.values())} | | |")
    head = [
        "# Fed, scheme and encoder, compared",
        "",
        f"Written by `docs/benchmarks/comparison.py` (PyTorch {torch.__version__.split('+')[0]}, one CPU thread). "
        f"{TRAIN} drawn clips of {SECONDS:g} s, {EPOCHS} epochs of batches of {BATCH}, {SEGMENTS} segments of "
        f"{POSITIONS} positions, {SIDE} pixels, amclip-tiny; tested on {TEST} other clips. Average precision in per "
        f"cent: mean over classes, ± standard deviation over seeds {', '.join(map(str, seeds))} (first weights, order, "
        "sampled frames). Images per clip were counted at the encoder and are what `fit` prints. The kinds of label: "
        "*coat* (in any frame, in no flow image), *movement* (direction or speed, alike in single frames), *coat and "
        "movement* (a dark, pale or rusty animal that feeds), *order* (what came before what). Time of a step: "
        f"the processor's in training, median of {STEPS - 1} steps of each row in one run, relative to the first row. "
        "*Interleaved* is the paper's one sequence in time, *late* joins frames and flow behind a temporal transformer "
        "of each.",
        "",
    ]
    output.write_text("\n".join([*head, *lines, "", f"![macro mAP]({output.stem}.png)", ""]))
    picture(results, chance, whole, output.with_suffix(".png"))


def spread(values: list[float]) -> str:
    """Mean and standard deviation, where there are several values."""
    more = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{more}"


def picture(results: dict[Key, list[dict[str, Any]]], chance: dict[str, float], whole: float, path: Path) -> None:
    """A panel for all labels and one for each kind; a dot per seed, a bar at the mean."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = {"frames": "#888888", "flow": "#2166ac", "interleaved": "#7fbf7b", "late": "#1b7837"}
    figure = Figure(figsize=(13, 2.2 + 0.45 * len({key[:2] for key in results})), layout="constrained")
    FigureCanvasAgg(figure)
    panels = {"all 19 labels": (CLASSES, whole)}
    panels |= {name: (list(names), chance[name]) for name, names in GROUPS.items()}
    rows = list(dict.fromkeys((encoder, scheme) for encoder, scheme, _ in results))
    for axis, (title, (names, level)) in zip(figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
        axis.axvline(level, color="#cccccc", lw=1.5, zorder=0)
        for place, (encoder, scheme) in enumerate(rows):
            for shift, (modality, colour) in enumerate(colours.items()):
                runs = results.get((encoder, scheme, modality), [])
                values = [macro(run, names) for run in runs]
                y = place + 0.2 * (shift - 1.5)
                label = modality if place == 0 and title.startswith("all") else None
                axis.plot(values, [y] * len(values), "o", color=colour, ms=5, alpha=0.65, mew=0, label=label)
                if values:
                    axis.plot([statistics.mean(values)] * 2, [y - 0.1, y + 0.1], color=colour, lw=2)
        axis.set_title(title, fontsize=10)
        axis.set_xlim(0, 105)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(left=False)
        for place, (above, below) in enumerate(pairwise(rows)):
            if above[0] != below[0]:
                axis.axhline(place + 0.5, color="#dddddd", lw=1)
        axis.set_yticks(range(len(rows)), [f"{encoder}, {scheme}" for encoder, scheme in rows])
    axis.invert_yaxis()
    figure.supxlabel("average precision on held-out clips, %; a dot per seed, grey line: chance", fontsize=10)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


def numbers() -> dict[str, float]:
    """What all models of a page have in common."""
    found = {"seconds": SECONDS, "fps": FPS, "stride": STRIDE, "side": SIDE, "train": TRAIN, "test": TEST}
    return found | {"batch": BATCH, "epochs": EPOCHS, "segments": SEGMENTS, "positions": POSITIONS}


def claim(work: Path) -> None:
    """Refuse a folder of results that other numbers led to."""
    marker = work / "numbers.json"
    if not marker.exists():
        marker.write_text(json.dumps(numbers()))
    elif json.loads(marker.read_text()) != numbers():
        raise SystemExit(f"{work} holds results of other numbers ({marker}); name another folder by --work")


def take_over(known: Path, work: Path) -> None:
    """Put models of an earlier run among the finished ones; those that are there stay."""
    said = json.loads(known.read_text())
    if said["numbers"] != numbers():
        raise SystemExit(f"{known} holds results of other numbers than this script's")
    for model in said["models"]:
        file = result_file(*model["key"], model["seed"], work)
        if not file.exists():
            file.write_text(json.dumps(model["result"]))


def keep(keys: list[Key], seeds: list[int], work: Path, output: Path) -> None:
    """Write what the page was made of."""
    models = [
        {"key": key, "seed": seed, "result": json.loads(file.read_text())}
        for key in keys
        for seed in seeds
        if (file := result_file(*key, seed, work)).exists()
    ]
    lines = ",\n".join(json.dumps(model) for model in models)
    output.write_text(f'{{"numbers": {json.dumps(numbers())}, "models": [\n{lines}\n]}}\n')


def main() -> None:
    """Train what is not trained yet, and write what there is."""
    global SECONDS, TRAIN, TEST, EPOCHS
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/comparison"), help="folder for clips and results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--encoders", nargs="+", choices=list(ENCODERS), default=list(ENCODERS))
    parser.add_argument("--schemes", nargs="+", choices=SCHEMES, default=list(SCHEMES))
    parser.add_argument("--known", type=Path, metavar="FILE", help="comparison.json of an earlier run")
    parser.add_argument("--finished", action="store_true", help="train nothing: the page of the models that are there")
    run = Benchmark(parser, __file__)
    options, modalities = run.options, list(MODALITIES)
    if run.quick:
        SECONDS, TRAIN, TEST, EPOCHS = 3.0, 4, 4, 1
        options.seeds, options.schemes, modalities = [0], ["dense"], ["frames", "late"]
    claim(run.work)
    if options.known and not run.quick:
        take_over(options.known, run.work)
    torch.set_num_threads(1)
    keys = [
        (encoder, scheme, modality)
        for encoder in options.encoders
        for scheme in options.schemes
        for modality in modalities
    ]
    results: dict[Key, list[dict[str, Any]]] = {}
    for seed in options.seeds:
        for key in keys:
            if options.finished and not result_file(*key, seed, run.work).exists():
                continue
            with run.section(f"{', '.join(key)}, seed {seed}") as lines:
                results.setdefault(key, []).append(train_and_test(*key, seed, run.work))
                lines.append(f"macro {macro(results[key][-1]):.1f}")
    with run.section("Times, table and picture"):
        times = {key: time_of_step(*key, run.work) for key in results}
        _, labels = draw(run.work, "test", 1, TEST)
        share = dict(zip(CLASSES, labels.mean(axis=0).tolist(), strict=True))
        write(results, options.seeds, share, times, run.output)
        keep(keys, options.seeds, run.work, run.output.with_suffix(".json"))
    run.close()


if __name__ == "__main__":
    main()
