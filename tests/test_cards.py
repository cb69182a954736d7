"""The cards say what numbers show, also what is thin, and ask for what only a person knows."""

from typing import Any

from amclip.cards import ModelFacts, data_card, model_card
from amclip.data.table import Clip, LabelTable


def row(name: str, training: int, clips: int, precision: str, tuned: str = "0.400000") -> dict[str, Any]:
    return {
        "class": name,
        "training_clips": training,
        "clips": clips,
        "average_precision": precision,
        "F1_at_0.5": "0.500000",
        "threshold_tuned_on_val": tuned,
        "F1_at_threshold_tuned_on_val": tuned and "0.700000",
    }


FACTS = ModelFacts(
    checkpoint="runs/version_0/checkpoints/best.ckpt",
    classes=[row("walks|runs", 80, 20, "0.900000"), row("rests", 12, 4, "0.300000", ""), row("flies", 3, 0, "")],
    averages=[{"score": "mAP_macro", "value": "0.600000", "classes": 2}],
    clips=40,
    unreadable=2,
    input={"scheme": "dense", "flow": {"gap": 0.04}},
    network={"backbone": "ViT-B-32-quickgelu", "pretrained": "openai"},
    loss="BCE",
    clip_seconds=0.8,
)
TABLE = LabelTable(
    (
        Clip("a.mp4", 0.0, 2.0, ("rests",), "train", subject="ada"),
        Clip("a.mp4", 2.0, 4.0, (), "test", subject="ada"),
        Clip("b.mp4", 0.0, 90.0, ("rests", "walks|runs"), "train", subject="bob"),
    ),
    ("walks|runs", "rests", "flies"),
    "labels.csv",
)


def test_a_model_card_has_each_class_its_threshold_and_the_limits() -> None:
    card = model_card(FACTS, TABLE)
    assert "| walks\\|runs | 80 | 20 | 0.500 | 0.900 | 0.700 | 0.400 |" in card
    assert "| rests | 12 | 4 | 0.100 | 0.300 | 0.500 | 0.5 |" in card
    assert "| flies | 3 | 0 | 0.000 | – | 0.700 | 0.400 |" in card
    assert "On 40 test clips (2 more could not be read)." in card
    assert "| `input.flow.gap` | `0.04` |" in card
    assert "fewer than 50 clips each: rests, flies." in card
    assert "no test clip shows them: flies." in card
    assert "fewer than 10 clips each, so AP may be far off: rests." in card
    assert "1 of 1 test videos were trained on in other parts" in card
    assert "## Intended use\n\n_" in card
    assert "In other parts" not in model_card(FACTS, None)


def test_a_data_card_counts_clips_videos_and_classes_by_split() -> None:
    card = data_card(TABLE, ["labels.csv"], "videos")
    assert "|  | train | test |" in card
    assert "| clips | 2 | 1 |" in card
    assert "| clips without any behaviour | 0 | 1 |" in card
    assert "| length of clips that have times, in all | 92.0 s | 2.0 s |" in card
    assert "| rests | 2 | 0 |" in card
    assert "Animals that are told apart: ada, bob." in card
    assert "in several splits, by time: 1 video; scores" in card
    assert "Never in test: walks|runs, rests, flies.".replace("|", "\\|") in card
