"""Every config is parsed and trains for a step, on a data set drawn in the exact layout it is written for."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import layouts
import pytest
import yaml
from drawn import draw_video

from amclip.cli import main
from amclip.task import BehaviourTask

ROOT = Path(__file__).parents[1]
# Zero-shot trains nothing; test_zero_shot.py runs its config.
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.yaml") if path.stem != "zero_shot")
# Where each folder's configs say that the data lie.
LAYOUTS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "animal_kingdom": ("data/animal_kingdom/action_recognition", layouts.animal_kingdom),
    "baboonland": ("data/baboonland", layouts.baboonland),
    "kabr": ("data/kabr", layouts.kabr),
    "mammalnet": ("data/mammalnet", layouts.mammalnet),
}
TINY = [
    "--model.backbone=amclip-tiny",  # instead of a download
    "--model.pretrained=null",
    "--model.temporal_heads=4",
    "--model.video_prompt_heads=4",
    "--model.trainable_blocks=1",
    "--data.image_size=64",
    "--data.frame_size=[64,64]",
    "--data.flow_preset=fast",
    "--data.positions_per_segment=2",
    "--data.batch_size=2",
    "--data.num_workers=0",
    "--data.cache_dir=probed",  # below the working directory: configs of one data set look at its videos once
    "--trainer.accelerator=cpu",
    "--trainer.devices=1",
    "--trainer.strategy=auto",
    "--trainer.precision=32-true",
    "--trainer.accumulate_grad_batches=1",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
]


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets")
    for place, draw in LAYOUTS.values():
        (folder / place).mkdir(parents=True)
        draw(folder / place)
    return folder


def own_data(config: Path, drawn: Path) -> list[str]:
    return [] if config.parent.name in LAYOUTS else [f"--data.labels={drawn / 'labels.csv'}", f"--data.root={drawn}"]


@pytest.mark.filterwarnings("ignore:.*genus or species")
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_config_trains_for_a_step(
    config: Path, datasets: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def every_weight_learns(task: BehaviourTask) -> None:  # or `ddp_find_unused_parameters_false` would stop
        assert [name for name, p in task.named_parameters() if p.requires_grad and p.grad is None] == []

    monkeypatch.setattr(BehaviourTask, "on_after_backward", every_weight_learns)
    monkeypatch.chdir(datasets)
    words = [*TINY, "--trainer.fast_dev_run=1", "--trainer.logger=false", *own_data(config, drawn)]
    main(["fit", f"--config={config}", *words])


ENCODERS = {"b32": ("ViT-B-32", 16, 512), "b16": ("ViT-B-16", 8, 512), "l14": ("ViT-L-14", 2, 768)}


def test_the_configs_of_animal_kingdom_differ_in_what_their_names_say_and_in_nothing_else() -> None:
    found = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "configs/animal_kingdom").glob("*.yaml")}
    names = [
        f"{kind}{scheme}_{encoder}_{gpus}"
        for kind in ("", "xclip_")
        for scheme in ("dense", "semi_dense", "sparse")
        for encoder in ENCODERS
        for gpus in ("1gpu", "8gpus")
    ]
    assert sorted(found) == sorted(names)
    rest: dict[bool, dict[str, Any]] = {}
    for name, config in found.items():
        trainer, data, model = config["trainer"], config["data"], config["model"]
        match = re.fullmatch(r"(xclip_)?(.+)_(.+)_(\d)gpus?", name)
        assert match is not None
        backbone, batch, width = ENCODERS[match[3]]
        assert model.pop("backbone") == f"{backbone}-quickgelu"
        assert data.pop("scheme") == match[2].replace("_", "-")
        assert trainer["devices"] == int(match[4])
        assert data.pop("batch_size") == batch
        assert batch * trainer.pop("devices") * trainer.pop("accumulate_grad_batches") == 256
        assert (trainer.pop("strategy", None) is not None) == (match[4] == "8")
        if match[1]:
            assert model.pop("temporal_heads") == model.pop("video_prompt_heads") == width // 64
            assert (model["cross_frame"], model["temporal"], model["video_prompt_layers"]) == (True, "mit", 2)
        assert rest.setdefault(bool(match[1]), config) == config
        assert f"configs/animal_kingdom/{name}.yaml" in (ROOT / f"configs/animal_kingdom/{name}.yaml").read_text()
    for part in ("trainer", "data"):
        assert rest[True][part] == rest[False][part]


@pytest.mark.filterwarnings("ignore:.*genus or species")
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("animal_kingdom/sparse_b32_1gpu", ["--data.root=data/animal_kingdom/action_recognition/dataset/image"]),
        ("animal_kingdom/xclip_semi_dense_b16_1gpu", []),
        ("baboonland/dense_b16_1gpu", []),
        ("kabr/dense_b16_1gpu", []),
        ("mammalnet/sparse_b16_1gpu", []),
    ],
)
def test_a_training_on_each_data_set_is_tested_on_its_test_clips(
    name: str, more: list[str], datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(datasets)
    saved = f"--trainer.logger.save_dir={tmp_path}"
    main(["fit", f"--config={ROOT / 'configs' / name}.yaml", *TINY, "--trainer.max_epochs=1", saved, *more])
    checkpoint = tmp_path / "version_0" / "checkpoints" / "last.ckpt"
    main(["test", f"--ckpt_path={checkpoint}", "--data.num_workers=0", "--data.cache_dir=probed", saved])
    written = (tmp_path / "version_1" / "test_predictions.csv").read_text().splitlines()
    assert len(written) > 2
    assert all(line.endswith(",") for line in written[1:])  # the column `error` is empty
    scores = (tmp_path / "version_1" / "test_scores.csv").read_text()
    assert "mAP_macro" in scores
    assert ("mAP_tail" in scores) == name.startswith("animal_kingdom")


@pytest.mark.filterwarnings("ignore:.*genus or species")
@pytest.mark.parametrize("form", ["boris", "deepethogram", "feral", "lote"])
def test_labels_of_other_tools_train_for_a_step(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{letter}.mp4" for letter in "abcdef"]
    for name in names:
        draw_video(tmp_path / name, 60)
    labels = tmp_path / "labels"
    more = ["--data.window=0.8"]
    if form == "boris":
        head, *events = layouts.BORIS_AGGREGATED.splitlines()
        rows = [event.replace("a.mp4", name) for name in names for event in events]
        labels.write_text("\n".join([head, *rows]))
    elif form == "deepethogram":
        labels.mkdir()
        rows = [f"{n},{int(n < 30)},{int(n >= 30)},0" for n in range(60)]
        for name in names:
            text = "\n".join([",background,walking,calling", *rows[:-1], "59,0,1,1"])
            (labels / f"{name[0]}_labels.csv").write_text(text)
    elif form == "feral":
        frames = {name: [0] * 20 + [1] * 20 + [2] * 20 for name in names}
        splits = {"train": names[:4], "val": names[4:5], "test": names[5:]}
        classes = {"0": "other", "1": "walking", "2": "resting"}
        content = {"is_multilabel": False, "class_names": classes, "labels": frames, "splits": splits}
        labels.write_text(json.dumps(content))
    else:
        labels.write_text("\n".join(f"{name} {number % 2} {number}" for number, name in enumerate(names)))
        more = []
    if form in ("deepethogram", "feral"):
        more.append("--data.label_fps=25")
    words = [f"--config={ROOT / 'configs' / 'own_videos.yaml'}", *TINY, *more, "--trainer.fast_dev_run=1"]
    main(["fit", *words, f"--data.labels={labels}", f"--data.root={tmp_path}", "--trainer.logger=false"])


REAL = layouts.SHARED / "animal_kingdom"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real clips lie elsewhere")
def test_the_four_real_clips_of_animal_kingdom_are_classified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows of the real metadata and their clips, under the names that the data set gives them."""
    from openpyxl import Workbook, load_workbook

    monkeypatch.chdir(tmp_path)
    videos = {path.stem.split("-")[1]: path for path in sorted(REAL.glob("*.mp4"))}
    (tmp_path / "video").mkdir()
    for name, path in videos.items():
        (tmp_path / "video" / f"{name}.mp4").symlink_to(path)
    real, book = load_workbook(REAL / "AR_metadata.xlsx", read_only=True), Workbook(write_only=True)
    for title in ("AR", "Action"):
        sheet = book.create_sheet(title)
        for index, row in enumerate(real[title].iter_rows(values_only=True)):
            if title == "Action" or not index or row[1] in videos:
                sheet.append(row)
    book.save(tmp_path / "AR_metadata.xlsx")
    own = [
        f"--data.root={tmp_path / 'video'}",
        f"--data.segments={REAL / 'df_action.xlsx'}",
        "--data.val_fraction=0.25",
    ]
    saved = f"--trainer.logger.save_dir={tmp_path}"
    config = f"--config={ROOT / 'configs/animal_kingdom/sparse_b32_1gpu.yaml'}"
    main(["fit", config, *TINY, *own, "--data.labels=AR_metadata.xlsx", "--trainer.max_epochs=1", saved])
    words = ["--data.labels=AR_metadata.xlsx", own[0], "--predictions.path=out.csv", "--data.num_workers=0"]
    main(["predict", f"--ckpt_path={tmp_path / 'version_0' / 'checkpoints' / 'last.ckpt'}", *words])
    header, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert len(header.split(",")) == 3 + 140 + 1
    assert sorted(line.split(",")[0] for line in lines) == sorted(f"{name}.mp4" for name in videos)
    assert all(line.endswith(",") for line in lines)  # the column `error` is empty
