"""Every config is parsed and trains for a step, on a data set drawn in the exact layout it is written for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import layouts
import pytest
import tiny_vjepa  # noqa: F401 (names of small encoders)
import yaml
from drawn import draw_video
from drawn_animals import write_labelled

from amclip.cli import main
from amclip.commands.lightning import AmclipCLI
from amclip.task import BehaviourTask

ROOT = Path(__file__).parents[1]
CONFIGS = {path.stem: path for path in sorted((ROOT / "configs").glob("*.yaml"))}
# Where each data set's config says that it lies.
LAYOUTS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "animal_kingdom": ("data/animal_kingdom/action_recognition", layouts.animal_kingdom),
    "baboonland": ("data/baboonland", layouts.baboonland),
    "kabr": ("data/kabr", layouts.kabr),
    "mammalnet": ("data/mammalnet", layouts.mammalnet),
}
SCHEMES = ("dense", "semi_dense", "sparse")
ENCODERS = {"b32": ("ViT-B-32", 16, 512), "b16": ("ViT-B-16", 8, 512), "l14": ("ViT-L-14", 2, 768)}
TINY = [
    "--model.network.backbone=amclip-tiny",  # instead of a download
    "--model.network.pretrained=null",
    "--model.network.temporal.heads=4",
    "--model.network.head.video_prompt_heads=4",
    "--model.network.tuning.trainable_blocks=1",
    "--input.image_size=64",
    "--input.frame_size=[64,64]",
    "--input.flow.preset=fast",
    "--input.positions_per_segment=2",
    "--data.batch_size=2",
    "--data.num_workers=0",
    "--data.cache_dir=probed",  # below the working directory: configs of one data set look at its videos once
    "--trainer.accelerator=cpu",
    "--trainer.devices=1",
    "--trainer.strategy=auto",
    "--trainer.precision=32-true",
    "--trainer.accumulate_grad_batches=1",
    "--step.clips=null",
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


def overlay(kind: str, name: str) -> str:
    return f"--config={ROOT / 'configs' / kind / name}.yaml"


# Zero-shot trains nothing; test_zero_shot.py runs its config.
@pytest.mark.filterwarnings("ignore:.*genus or species")
@pytest.mark.parametrize(
    ("name", "overlays"),
    [
        *((name, ()) for name in CONFIGS if name != "zero_shot"),
        *(("animal_kingdom", (("encoders", f"xclip_{encoder}"),)) for encoder in ENCODERS),
        ("animal_kingdom", (("encoders", "l14"), ("machines", "8gpus"))),
        ("kabr", (("schemes", "sparse"), ("encoders", "b32"), ("machines", "8gpus"))),
        ("mammalnet", (("schemes", "semi_dense"), ("encoders", "xclip_b16"))),
        ("own_videos", (("encoders", "xclip_b32"), ("schemes", "sparse"))),
        ("own_videos", (("encoders", "frozen"),)),
        ("per_animal", (("encoders", "frozen"),)),
        ("own_videos", (("encoders", "vjepa2_l"),)),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(name for _, name in value) or "alone",
)
def test_every_config_trains_for_a_step(
    name: str, overlays: tuple[tuple[str, str], ...], datasets: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def every_weight_learns(task: BehaviourTask) -> None:  # or `ddp_find_unused_parameters_false` would stop
        assert [name for name, p in task.named_parameters() if p.requires_grad and p.grad is None] == []

    monkeypatch.setattr(BehaviourTask, "on_after_backward", every_weight_learns)
    monkeypatch.chdir(datasets)
    own = [] if name in LAYOUTS else [f"--data.source.labels={drawn / 'labels.csv'}", f"--data.source.root={drawn}"]
    if name == "per_animal":
        write_labelled(animals := datasets / "animals")
        own = [f"--data.source.labels={animals / 'labels.csv'}", f"--data.source.tracks={animals / 'tracks.csv'}"]
    if ("encoders", "vjepa2_l") in overlays:
        own.append("--model.network.backbone=vjepa:tiny_2")
    words = [*TINY, "--trainer.fast_dev_run=1", "--trainer.logger=false", *own]
    if ("encoders", "frozen") in overlays:
        words.append("--model.network.tuning.trainable_blocks=0")
    main(["fit", f"--config={CONFIGS[name]}", *(overlay(*one) for one in overlays), *words])


def merged(*files: Path) -> dict[str, Any]:
    """Config files on top of each other, as the command line takes several."""

    def onto(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
        both = {name: onto(below[name], x) if isinstance(x, dict) and name in below else x for name, x in above.items()}
        return {**below, **both}

    config: dict[str, Any] = {}
    for file in files:
        config = onto(config, yaml.safe_load(file.read_text()))
    return config


def pick(config: dict[str, Any], name: str, default: Any = None) -> Any:
    """Take a value out of nested dicts; a dict that is empty then goes as well."""
    first, _, inner = name.partition(".")
    if not inner:
        return config.pop(first, default)
    value = pick(config.setdefault(first, {}), inner, default)
    if not config[first]:
        del config[first]
    return value


@pytest.mark.parametrize("machine", [(), ("machines/8gpus",)], ids=str)
@pytest.mark.parametrize("name", LAYOUTS)
def test_overlays_change_what_their_names_say_and_nothing_else(name: str, machine: tuple[str, ...]) -> None:
    rest: list[dict[str, Any]] = []
    for scheme in SCHEMES:
        for encoder, (backbone, batch, width) in ENCODERS.items():
            for video in (False, True):
                overlays = [f"schemes/{scheme}", f"encoders/{'xclip_' * video}{encoder}", *machine]
                config = merged(*(ROOT / "configs" / f"{path}.yaml" for path in (name, *overlays)))
                devices = pick(config, "trainer.devices")
                assert devices == (8 if machine else 1)
                assert (pick(config, "trainer.strategy") is not None) == bool(machine)
                assert pick(config, "input.scheme") == scheme.replace("_", "-")
                assert pick(config, "data.batch_size") == batch
                assert config["step"] == {"clips": 256}
                assert 256 % (batch * devices) == 0
                network = {part: pick(config, f"model.network.{part}", {}) for part in ("temporal", "fusion", "head")}
                assert pick(config, "model.network.backbone") == f"{backbone}-quickgelu"
                assert pick(config, "model.network.cross_frame", False) is video
                assert pick(config, "model.network.message_init", "zero") == "zero"
                temporal = {"kind": "mit", "layers": 1, "heads": width // 64}
                prompts = {"video_prompt_layers": 2, "video_prompt_heads": width // 64}
                head = {"kind": "text", "prompt_templates": ["{}"], **prompts}
                fusion = {"kind": "interleaved"}
                wanted = {"temporal": temporal, "fusion": fusion, "head": head}
                assert network == (wanted if video else {part: {} for part in wanted})
                rest.append(config)
    assert all(config == rest[0] for config in rest)


def test_the_command_line_takes_several_config_files_as_one(tmp_path: Path) -> None:
    class Parsed(AmclipCLI):
        def instantiate_classes(self) -> None: ...

        def after_instantiate_classes(self) -> None: ...

        def _run_subcommand(self, subcommand: str) -> None: ...

    files = [CONFIGS["kabr"], *(ROOT / f"configs/{name}.yaml" for name in ("encoders/xclip_l14", "machines/8gpus"))]
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(merged(*files)))
    several = Parsed.run("fit", [f"--config={file}" for file in files]).config["fit"]
    one = Parsed.run("fit", [f"--config={tmp_path / 'one.yaml'}"]).config["fit"]
    for config in (several, one):
        del config["config"]
    assert several.as_dict() == one.as_dict()


@pytest.mark.filterwarnings("ignore:.*genus or species")
@pytest.mark.parametrize(
    ("name", "more"),
    [
        (
            "animal_kingdom",
            [
                overlay("schemes", "sparse"),
                overlay("encoders", "b32"),
                "--data.source.root=data/animal_kingdom/action_recognition/dataset/image",
            ],
        ),
        ("animal_kingdom", [overlay("schemes", "semi_dense"), overlay("encoders", "xclip_b16")]),
        ("baboonland", []),
        ("kabr", []),
        ("mammalnet", []),
    ],
)
def test_a_training_on_each_data_set_is_tested_on_its_test_clips(
    name: str, more: list[str], datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(datasets)
    saved = f"--trainer.logger.save_dir={tmp_path}"
    main(["fit", f"--config={CONFIGS[name]}", *more, *TINY, "--trainer.max_epochs=1", saved])
    checkpoint = tmp_path / "version_0" / "checkpoints" / "last.ckpt"
    main(["test", f"--ckpt_path={checkpoint}", "--data.num_workers=0", "--data.cache_dir=probed", saved])
    written = (tmp_path / "version_1" / "test_predictions.csv").read_text().splitlines()
    assert len(written) > 2
    assert all(line.endswith(",") for line in written[1:])  # the column `error` is empty
    scores = (tmp_path / "version_1" / "test_scores.csv").read_text()
    assert "mAP_macro" in scores
    assert ("mAP_tail" in scores) == (name == "animal_kingdom")


@pytest.mark.filterwarnings("ignore:.*genus or species")
@pytest.mark.parametrize("form", ["boris", "deepethogram", "feral", "lote"])
def test_labels_of_other_tools_train_for_a_step(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{letter}.mp4" for letter in "abcdef"]
    for name in names:
        draw_video(tmp_path / name, 60)
    labels = tmp_path / "labels"
    more = ["--data.source.window=0.8"]
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
        more.append("--data.source.label_fps=25")
    words = [f"--config={ROOT / 'configs' / 'own_videos.yaml'}", *TINY, *more, "--trainer.fast_dev_run=1"]
    main(["fit", *words, f"--data.source.labels={labels}", f"--data.source.root={tmp_path}", "--trainer.logger=false"])


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
        f"--data.source.root={tmp_path / 'video'}",
        f"--data.source.class_groups={REAL / 'df_action.xlsx'}",
        "--data.splits.val_fraction=0.25",
    ]
    saved = f"--trainer.logger.save_dir={tmp_path}"
    overlays = [overlay("schemes", "sparse"), overlay("encoders", "b32")]
    main(
        [
            "fit",
            f"--config={CONFIGS['animal_kingdom']}",
            *overlays,
            *TINY,
            *own,
            "--data.source.labels=AR_metadata.xlsx",
            "--trainer.max_epochs=1",
            saved,
        ]
    )
    words = ["--data.source.labels=AR_metadata.xlsx", own[0], "--predictions.path=out.csv", "--data.num_workers=0"]
    main(["predict", f"--ckpt_path={tmp_path / 'version_0' / 'checkpoints' / 'last.ckpt'}", *words])
    header, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert len(header.split(",")) == 3 + 140 + 1
    assert sorted(line.split(",")[0] for line in lines) == sorted(f"{name}.mp4" for name in videos)
    assert all(line.endswith(",") for line in lines)  # the column `error` is empty


def test_null_on_the_command_line_is_nothing_and_not_a_word() -> None:
    class Parsed(AmclipCLI):
        def instantiate_classes(self) -> None: ...

        def after_instantiate_classes(self) -> None: ...

        def _run_subcommand(self, subcommand: str) -> None: ...

    words = ["--model.network.pretrained", "null", "--data.source.root=null", "--data.cache_dir=null"]
    config = Parsed.run("fit", [f"--config={CONFIGS['demo']}", *words, "--data.source.label_fps=null"]).config["fit"]
    data, network = config["data"]["init_args"], config["model"]["init_args"]["network"]
    source = data["source"]["init_args"]
    assert [network["pretrained"], source["root"], source["label_fps"], data["cache_dir"]] == [None] * 4
    assert (network["backbone"], source["synthetic_clips"]) == ("amclip-tiny", 500)  # all else is the file's
