"""The tutorials of the first hour: every command and every piece of Python on them runs, in the order of the page.

Commands are those of the page; what makes them a matter of seconds is added: a network of a few thousand weights in
place of CLIP, few steps, and the drawn clips that the tests share in place of those that the page draws.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amclip.cli import main
from amclip.commands import new as new_command

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "first_hour").glob("*.md"))
_CACHE = "--data.cache_dir=probed"  # below the folder of the test
_QUICK = ("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--data.num_workers=0", _CACHE)
MORE = {
    "check": (_CACHE,),
    "fit": (
        *_QUICK,
        *("--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--pictures.clips=0", "--data.batch_size=2"),
        *("--model.network.backbone=amclip-tiny", "--model.network.pretrained=null", "--input.image_size=64"),
        *("--model.network.tuning.trainable_blocks=0", "--input.frame_size=[48,64]", "--input.flow.preset=fast"),
        *("--input.num_segments=1", "--input.positions_per_segment=2", "--trainer.enable_model_summary=false"),
    ),
    "test": _QUICK,
    "annotate": ("--accelerator=cpu",),
    "suggest": ("--accelerator=cpu",),
}


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of each block of code."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def run(command: str, drawn: Path) -> None:
    words = [word.replace("configs/", f"{ROOT}/configs/", 1) for word in shlex.split(command)]
    assert words.pop(0) == "amclip", command
    if words[0] == "synth":  # drawn already, and the drawing has tests of its own
        shutil.copytree(drawn, words[1])
        return
    if words[0] in ("annotate", "suggest"):  # of all videos three
        words = [str(Path(word, "clip_0000[0-2].mp4")) if word.endswith("/videos") else word for word in words]
    main([*words, *MORE.get(words[0], ())])


# One page in every run of the tests; the others, which take as long, with the scripts of the docs (-m benchmark).
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if page.stem == "biologist" else pytest.mark.benchmark, id=page.stem)
        for page in PAGES
    ],
)
def test_every_command_of_the_page_runs(
    page: Path, drawn: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new_command, "_has_gpu", lambda: False)
    monkeypatch.setattr(new_command, "_CACHE", "probed")
    if page.stem == "engineer":  # begins with what another page leaves
        shutil.copytree(drawn, "study")
        target = tmp_path / "runs" / "version_0" / "checkpoints" / "best.ckpt"
        target.parent.mkdir(parents=True)
        shutil.copy(trained, target)
    names: dict[str, object] = {}
    count = 0
    for language, text in blocks(page):
        count += 1
        if language == "python":
            exec(compile(text, f"{page.name}, block {count}", "exec"), names)
            continue
        assert language == "bash"
        for command in text.replace("\\\n", " ").strip().splitlines():
            run(command, drawn)
    assert count >= 4
    left = {
        "biologist": [
            *("study/amclip.yaml", "runs/version_0/test/model_card.md", "ethogram/report.html"),
            *("agreement/agreement.csv", "next/suggestions.csv"),
        ],
        "researcher": ["runs/version_0/test/model_card.md", "runs/version_1/test/test_scores.csv"],
        "engineer": ["served/bouts.csv"],
    }[page.stem]
    for name in left:
        assert (tmp_path / name).exists(), name
