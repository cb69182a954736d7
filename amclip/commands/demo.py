"""``amclip demo``: the whole way on built-in data, from drawn videos to a tested classifier, pictures and a table."""

from pathlib import Path

from amclip.text import counted

__all__ = ["demo"]


def demo(directory: str = "demo", clips: int = 500, epochs: int = 10, seed: int = 0) -> None:
    """Draw synthetic animals, train a tiny network on them, test it and predict; a few minutes on two CPU cores.

    Args:
        directory: Folder for everything: videos and labels in `data`, the training in `runs`, predictions and pictures.
        clips: Clips to draw; six in ten are trained on, a quarter is tested on.
        epochs: How often the training clips are seen.
        seed: Seed of the training.

    Raises:
        ValueError: If there are too few clips for every behaviour to be in every split.
    """
    if clips < 36:
        raise ValueError(
            f"clips: every behaviour shall be in training, validation and test: 36 clips or more, got {clips}"
        )
    from amclip.commands.lightning import AmclipCLI
    from amclip.config_path import config_path
    from amclip.data.synthetic import ClipSettings, write_dataset

    root = Path(directory)
    common = [f"--trainer.logger.save_dir={root / 'runs'}", f"--data.source.root={root / 'data'}"]
    print(f"1. Drawing {counted(clips, 'clip')} and training on them")
    trained = AmclipCLI.run(
        "fit",
        [
            f"--config={config_path('demo')}",
            *common,
            f"--data.source.synthetic_clips={clips}",
            f"--trainer.max_epochs={epochs}",
            f"--seed_everything={seed}",
            f"--data.seed={seed}",
        ],
    )
    checkpoint = trained.trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    print("\n2. Testing the best checkpoint on clips it has not seen")
    table = root / "test_predictions.csv"
    tested = AmclipCLI.run("test", [f"--ckpt_path={checkpoint}", *common, f"--predictions.test_path={table.resolve()}"])
    print("\n3. Predicting videos without labels, drawn with another seed")
    unseen = root / "new_videos"
    write_dataset(unseen, 12, ClipSettings(seed=1))
    predictions = root / "predictions.csv"
    AmclipCLI.run(
        "predict",
        [f"--ckpt_path={checkpoint}", f"--data.source.root={unseen}", f"--predictions.path={predictions}"],
    )
    pictures = _draw(tested, root)
    print("\nLeft behind:")
    print(f"  checkpoint    {checkpoint}")
    print(f"  predictions   {predictions} (new videos), {table} (test clips, with their labels)")
    print(f"  pictures      {', '.join(str(picture) for picture in pictures)}")
    print(f"  training      tensorboard --logdir {root / 'runs'}")


def _draw(tested: object, root: Path) -> list[Path]:
    """Pictures of the scores, and of four test clips as the network saw them."""
    from amclip.data.datamodule import VideoDataModule
    from amclip.draw import draw_clips, draw_scores
    from amclip.task import BehaviourTask

    task, data = tested.model, tested.datamodule  # type: ignore[attr-defined]
    assert isinstance(task, BehaviourTask)
    assert isinstance(data, VideoDataModule)
    scores = task.scores
    assert scores is not None
    draw_scores(root / "scores.png", task.classes, scores.per_class.tolist(), scores.support.tolist())
    dataset = data.datasets["test"]
    rows = list(range(0, len(dataset), max(1, len(dataset) // 4)))[:4]
    images = [data.preprocess.denormalise(data.preprocess(dataset[row]["frames"][None]).images)[0] for row in rows]
    clips = [dataset.table.clips[row] for row in rows]
    draw_clips(
        root / "clips.png",
        images,
        [f"{clip.video}: {', '.join(clip.labels or ())}" for clip in clips],
        task.classes,
        [dataset.targets[row].tolist() for row in rows],
        [scores.probabilities[row].tolist() for row in rows],
    )
    return [root / "scores.png", root / "clips.png"]
