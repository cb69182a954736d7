"""Training, validation, test and prediction from stored embeddings, held against the same without."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny_vjepa  # noqa: F401 (names of small encoders)
import torch
from build import make_data, make_task
from drawn_animals import write_labelled
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from amclip.data.datamodule import VideoDataModule
from amclip.data.stored.dataset import StoredClips
from amclip.data.stored.embedder import Embedder
from amclip.data.stored.settings import StoredEmbeddings
from amclip.data.video import Video
from amclip.flow.method import FlowMethod
from amclip.inputs import CropInput, MotionInput
from amclip.task import BehaviourTask

pytestmark = pytest.mark.filterwarnings("ignore:.*is smaller than the logging interval.*")

SMALL = {
    **{"image_size": 64, "frame_size": (48, 48), "flow_gap": "1/15", "flow_preset": "fast"},
    **{"num_segments": 2, "positions_per_segment": 2, "num_workers": 0, "batch_size": 4, "cache_dir": None},
}
STILL = {"flip": 0.0, "crop_scale": (1.0, 1.0), "color_jitter": 0.0}


class Losses(Callback):
    """Loss of each step, and how many videos were opened in each epoch."""

    def __init__(self, opened: list[str]) -> None:
        self.losses: list[float] = []
        self.opened, self.epochs = opened, list[int]()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.losses.append(float(outputs["loss"]))

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.opened.clear()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.epochs.append(len(self.opened))


@pytest.fixture(scope="module")
def folder(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve of the clips: six to train on, three each for validation and test."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "videos").mkdir()
    header, *rows = (drawn / "labels.csv").read_text().splitlines()
    kept = []
    for split, count in (("train", 6), ("val", 3), ("test", 3)):
        kept += [row for row in rows if row.endswith(f",{split}")][:count]
    for row in kept:
        name = row.split(",")[0]
        shutil.copy(drawn / name, folder / name)
    (folder / "labels.csv").write_text("\n".join([header, *kept]) + "\n")
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Videos that were opened to be decoded; those that are probed are not among them."""
    paths: list[str] = []
    init = Video.__init__

    def counted(self: Video, path: Any, *args: Any, **kwargs: Any) -> None:
        paths.append(str(path))
        init(self, path, *args, **kwargs)

    monkeypatch.setattr(Video, "__init__", counted)
    return paths


def data(folder: Path, **settings: Any) -> VideoDataModule:
    return make_data(**{"labels": str(folder / "labels.csv"), **SMALL, **STILL, **settings})


def task(module: VideoDataModule, **settings: Any) -> BehaviourTask:
    torch.manual_seed(settings.pop("first_weights", 0))
    parts = {"backbone": "amclip-tiny", "pretrained": "synthetic", "temporal_heads": 4, "temporal_dropout": 0.1}
    parts |= {"trainable_blocks": 0, "learning_rate": 1e-3}
    return make_task(module.classes, {"input": module.input, **parts, **settings})


def trainer(folder: Path, **settings: Any) -> Trainer:
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return Trainer(default_root_dir=folder, accelerator="cpu", **{**quiet, **settings})


def fit(
    module: VideoDataModule, seen: Losses, epochs: int = 2, precision: Any = "32-true", **settings: Any
) -> tuple[BehaviourTask, list[float]]:
    model = task(module, **settings)
    runs = trainer(Path(), max_epochs=epochs, callbacks=[seen], precision=precision)
    runs.fit(model, module)
    scores = {name: float(x) for name, x in runs.callback_metrics.items() if name.startswith("val/")}
    scores |= runs.test(model, module, verbose=False)[0]
    return model, [*seen.losses, *(scores[name] for name in sorted(scores))]


def predicted(module: VideoDataModule, precision: Any = "32-true", **settings: Any) -> Tensor:
    model = task(module, **settings)
    return torch.cat(trainer(Path(), precision=precision).predict(model, module))  # type: ignore[arg-type]


def stored(place: Path, **settings: Any) -> StoredEmbeddings:
    return StoredEmbeddings(str(place / "store"), **settings)


@pytest.mark.parametrize("changed", [{}, {"flip": 0.5, "crop_scale": (0.5, 1.0), "color_jitter": 0.4}], ids=str)
def test_a_training_is_equal_to_that_without_a_store_and_a_second_one_decodes_nothing(
    folder: Path, tmp_path: Path, opened: list[str], changed: dict[str, Any]
) -> None:
    plain, expected = fit(data(folder, **changed), Losses([]))
    for again in range(2):
        opened.clear()
        model, found = fit(data(folder, **changed, embeddings=stored(tmp_path, copies=2)), Losses([]))
        assert bool(opened) == (not again)
        assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
        for name, value in model.state_dict().items():
            torch.testing.assert_close(value, plain.state_dict()[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_trainings_are_equal_in_other_precisions_too(folder: Path, tmp_path: Path, precision: str) -> None:
    more: dict[str, Any] = {"segment_overlap": 0.5}
    if (
        precision != "bf16-true"
    ):  # Lightning rounds what numbers of motion are made from, or the numbers that are stored
        more["flow_motion"] = MotionInput()
    plain, expected = fit(data(folder, **more), Losses([]), precision=precision)
    store = stored(tmp_path, copies=2)
    model, found = fit(data(folder, **more, embeddings=store), Losses([]), precision=precision)
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name], rtol=0, atol=1e-5)


def test_without_copies_clips_are_seen_as_in_validation_and_the_second_epoch_decodes_nothing(
    folder: Path, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Losses(opened)
    _, found = fit(data(folder, embeddings=stored(tmp_path), flip=0.5, color_jitter=0.2), seen, epochs=3)
    assert seen.epochs[0] > 0
    assert seen.epochs[1:] == [0, 0]
    monkeypatch.setattr("amclip.data.dataset.ClipDataset._generator", lambda *_: None)
    _, expected = fit(data(folder), Losses([]), epochs=3)
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)


def rows_of(place: Path) -> int:
    return sum(path.stat().st_size // 24 for path in (place / "store").glob("*/*.keys"))


def test_processes_that_read_see_what_was_stored_meanwhile(folder: Path, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    _, expected = fit(data(folder, embeddings=stored(alone)), Losses([]), epochs=3)
    _, found = fit(data(folder, embeddings=stored(together), num_workers=2), Losses([]), epochs=3)
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
    assert rows_of(together) == rows_of(alone)  # nothing was embedded twice


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "several views": {"temporal_views": 2, "spatial_views": 3, "modality": "frames"},
    "flow alone, overlapping": {"modality": "flow", "segment_overlap": 0.5},
    "numbers of motion": {"flow_motion": MotionInput(), "temporal_views": 2, "spatial_views": 2},
    "numbers alone": {"modality": "motion", "flow_motion": MotionInput()},
    "two workers": {"num_workers": 2},
    "bfloat16": {"precision": "bf16-mixed"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_predictions_are_equal(folder: Path, tmp_path: Path, opened: list[str], name: str) -> None:
    more = dict(SETTINGS[name])
    precision = more.pop("precision", "32-true")
    expected = predicted(data(folder, **more), precision)
    for again in range(2):
        opened.clear()
        found = predicted(data(folder, embeddings=stored(tmp_path), **more), precision)
        assert not (again and opened)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 if "bfloat16" not in name else 0.02)


def test_animals_that_are_cut_out_are_embedded_each(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, opened: list[str]
) -> None:
    root = tmp_path_factory.mktemp("animals")
    write_labelled(root)
    more = {"tracks": str(root / "tracks.csv"), "crop": CropInput(context=2.0), "flow_unit": "body lengths"}
    more |= {"flow_motion": MotionInput(), "num_segments": 1}
    expected = predicted(data(root, **more))
    for again in range(2):
        opened.clear()
        torch.testing.assert_close(predicted(data(root, embeddings=stored(tmp_path), **more)), expected)
        assert bool(opened) == (not again)
    opened.clear()  # another margin cuts out other squares
    more["crop"] = CropInput(margin=1.0, context=2.0)
    torch.testing.assert_close(
        predicted(data(root, embeddings=stored(tmp_path), **more)), predicted(data(root, **more))
    )
    assert opened
    assert len(list((tmp_path / "store").glob("*/about.json"))) == 1


@pytest.fixture(scope="module")
def filled(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds all clips, embedded by a tower of random weights."""
    place = tmp_path_factory.mktemp("filled")
    predicted(data(folder, embeddings=stored(place)), pretrained=None)
    return place


@pytest.mark.parametrize(
    ("of_data", "changed"),
    [
        ({}, {"first_weights": 1}),
        ({"flow_bound": 3.0}, {}),
        ({"frame_size": (40, 40)}, {}),
        ({}, {"precision": "bf16-mixed"}),
        ({"embeddings": {"dtype": "float16"}}, {}),
    ],
    ids=lambda changed: next(iter(changed), ""),
)
def test_what_is_of_another_tower_or_input_is_not_used(
    folder: Path, filled: Path, opened: list[str], of_data: dict[str, Any], changed: dict[str, Any]
) -> None:
    store = stored(filled, **of_data.pop("embeddings", {}))
    predicted(data(folder, **{"embeddings": store, **of_data}), **{"pretrained": None, **changed})
    assert opened


class Learned(FlowMethod):
    """A flow method with weights, of which a name says nothing."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self._weight = weight

    def prepare(self) -> None:
        self.network = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(self.network.weight, self._weight)
        torch.nn.init.zeros_(self.network.bias)


def test_weights_of_a_flow_method_are_told_apart(tmp_path: Path) -> None:
    def place(modality: str, weight: float | None) -> Path:
        module = data(tmp_path, labels=None, modality=modality)
        if weight is not None:
            module.preprocess.flow = Learned(weight)
        return Embedder(task(module).network, module.preprocess, stored(tmp_path)).store.folder

    both = [place("interleaved", weight) for weight in (None, 1.0, 2.0, 1.0)]
    assert both[1] == both[3]
    assert len(set(both)) == 3
    assert place("frames", 1.0) == place("frames", 2.0)


def test_a_video_is_known_wherever_it_lies_until_it_changes(
    folder: Path, filled: Path, tmp_path: Path, opened: list[str]
) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    one, two, three = sorted((own / "videos").iterdir())[:3]
    shutil.copy(two, one)  # its content is now that of another, which is stored
    found = predicted(data(own, embeddings=stored(filled)), pretrained=None)
    assert not opened
    torch.testing.assert_close(found, predicted(data(own), pretrained=None), rtol=0, atol=1e-5)
    opened.clear()
    one.write_bytes(three.read_bytes() + b"\0")
    predicted(data(own, embeddings=stored(filled)), pretrained=None)
    assert opened == [str(one)]


def test_clips_that_cannot_be_read_are_reported_as_without_a_store(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(folder, own)
    paths = sorted((own / "videos").iterdir())
    paths[0].write_bytes(b"")
    lines = (own / "labels.csv").read_text().splitlines()
    name = paths[1].name
    lines += [f"videos/{name},{lines[1].split(',')[1]},val"]
    with pytest.warns(UserWarning, match="cannot be read"):
        expected = predicted(data(own))
    for _ in range(2):
        with pytest.warns(UserWarning, match="cannot be read"):
            found = predicted(data(own, embeddings=stored(tmp_path)))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5, equal_nan=True)
    assert expected.isnan().any(dim=1).sum() == 1


def embeddings(module: VideoDataModule, epoch: int, model: BehaviourTask) -> dict[int, Tensor]:
    """Of each training clip in an epoch, ``(K, V, D)``."""
    module.setup("fit")
    module.open_store(model.network)
    loader = module.train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    found: dict[int, Tensor] = {}
    for batch in loader:
        done = module.on_after_batch_transfer(batch, 0)
        found |= dict(zip(done["clip"].tolist(), done["embeddings"], strict=True))
    return found


def test_augmented_copies_are_versions_of_a_clip_that_come_in_turn(
    folder: Path, tmp_path: Path, opened: list[str]
) -> None:
    more = {"flip": 0.5, "crop_scale": (0.5, 1.0), "color_jitter": 0.4, "embeddings": stored(tmp_path, copies=2)}
    model = task(data(folder))
    model.load_published()
    state = torch.random.get_rng_state()
    epochs = [embeddings(data(folder, **more), epoch, model) for epoch in range(4)]
    for clip in epochs[0]:
        assert torch.equal(epochs[0][clip], epochs[2][clip])
        assert torch.equal(epochs[1][clip], epochs[3][clip])
        assert (epochs[0][clip] - epochs[1][clip]).abs().max() > 1e-2
    opened.clear()
    embeddings(data(folder, **more), 5, model)
    assert not opened
    # A clip's randomness is its own: whichever others are in its batch, and whatever was drawn before.
    more["embeddings"] = stored(tmp_path / "other", copies=2)
    torch.manual_seed(5)
    others = embeddings(data(folder, batch_size=3, **more), 1, model)
    for clip, value in others.items():
        torch.testing.assert_close(value, epochs[1][clip], rtol=0, atol=1e-5)
    # Other pixels than those of a clip that is not augmented, at the same moments.
    more |= {**STILL, "embeddings": stored(tmp_path / "still", copies=2)}
    still = embeddings(data(folder, **more), 1, model)
    assert all((still[clip] - value).abs().max() > 1e-2 for clip, value in others.items())
    torch.random.set_rng_state(state)


def test_a_copy_that_lacks_a_position_is_made_anew_as_a_whole(folder: Path, tmp_path: Path) -> None:
    more = {"flip": 0.5, "color_jitter": 0.4, "embeddings": stored(tmp_path, copies=1)}
    model = task(data(folder))
    first = embeddings(data(folder, **more), 0, model)
    path = next((tmp_path / "store").glob("*/*.keys"))
    path.write_bytes(path.read_bytes()[: 24 * 6])  # of the second clip two positions are left
    again = embeddings(data(folder, **more), 0, model)
    for clip, value in first.items():
        torch.testing.assert_close(again[clip], value, rtol=0, atol=1e-5)


def test_a_clip_that_is_drawn_again_shows_its_next_version(folder: Path, tmp_path: Path) -> None:
    module = data(folder, embeddings=stored(tmp_path, copies=2))
    module.setup("fit")
    module.open_store(task(module).network)
    clips = module.train_dataloader().dataset
    assert isinstance(clips, StoredClips)
    keys = [clips[(0, epoch, draw)]["keys"] for epoch, draw in ((0, 0), (0, 1), (0, 2), (1, 0))]  # type: ignore[typeddict-item]
    assert (keys[0] == keys[2]).all()
    assert (keys[1] == keys[3]).all()
    assert (keys[0] != keys[1]).any()


@pytest.mark.parametrize(
    ("model", "of_data", "told"),
    [
        ({"trainable_blocks": -1}, {}, "--model.network.tuning.trainable_blocks: -1 makes the image tower train"),
        (
            {"lora_rank": 2, "trainable_blocks": 1},
            {},
            "--model.network.tuning.lora_rank: 2 makes the image tower",
        ),
        ({"cross_frame": True}, {}, "--model.network.cross_frame: messages make"),
        (
            {"head": "text", "video_prompt_layers": 1, "video_prompt_heads": 4},
            {},
            "--model.network.head.video_prompt_layers: prompts look at patches",
        ),
        (
            {"backbone": "vjepa:tiny_2", "pretrained": None},
            {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
            "--model.network.backbone: vjepa:tiny_2 embeds the frames of a segment as one video",
        ),
        ({}, {"mixup": 0.8}, "--data.augmentation.mixup: mixes images"),
        ({}, {"cutmix": 1.0}, "--data.augmentation.cutmix: mixes images"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_what_stored_embeddings_cannot_serve_is_refused(
    folder: Path, tmp_path: Path, model: dict[str, Any], of_data: dict[str, Any], told: str
) -> None:
    if "lora_rank" in model:
        pytest.importorskip("peft")
    module = data(folder, embeddings=stored(tmp_path), **of_data)
    with pytest.raises(ValueError, match=f"{told}.*or leave --data.embeddings out"):
        trainer(tmp_path, max_epochs=1).fit(task(module, **model), module)


def test_a_network_that_was_trained_whole_is_tested_from_its_own_embeddings(folder: Path, tmp_path: Path) -> None:
    expected = predicted(data(folder), trainable_blocks=-1)
    found = predicted(data(folder, embeddings=stored(tmp_path)), trainable_blocks=-1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"folder": ""}, "data.embeddings.folder: expected a folder"),
        ({"folder": "x", "copies": -1}, "data.embeddings.copies: expected 0 or more, got -1"),
        ({"folder": "x", "dtype": "int8"}, "data.embeddings.dtype: expected float32 or float16, got 'int8'"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        StoredEmbeddings(**values)
