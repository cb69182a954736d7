import pytest
import torch
from build import make_classifier
from torch import Tensor

from amclip.models.classifier import InterleavedClassifier
from amclip.models.pretrained import describe_backbone


def build(**settings: object) -> InterleavedClassifier:
    torch.manual_seed(0)
    defaults = {"num_segments": 2, "positions_per_segment": 2, "temporal_heads": 4}
    return make_classifier(describe_backbone("amclip-tiny", None, 64), 5, **{**defaults, **settings})


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


SEGMENTS = torch.tensor([[[0, 1], [1, 2]]]).expand(2, -1, -1)


@pytest.mark.parametrize("aggregation", ["mean", "max", "attention"])
@pytest.mark.parametrize("share", [True, False])
def test_logits_of_every_aggregation(images: Tensor, aggregation: str, share: bool) -> None:
    network = build(aggregation=aggregation, share_classifiers=share)
    assert len(network.classifiers) == (1 if share else 2)
    assert network(images, SEGMENTS).shape == (2, 5)


def test_every_image_is_embedded_once_however_many_segments_use_it(
    images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build()
    seen: list[int] = []
    forward = network.encoder.visual.forward
    monkeypatch.setattr(network.encoder.visual, "forward", lambda x: seen.append(len(x)) or forward(x))
    network(images, SEGMENTS)  # position 1 is in both segments
    assert seen == [2 * 3 * 2]


def test_sharing_frames_equals_embedding_each_segment_on_its_own(images: Tensor) -> None:
    network = build()
    with torch.no_grad():
        both = network(images, SEGMENTS)
        alone = [network(images[:, m : m + 2], torch.tensor([[[0, 1]]]).expand(2, -1, -1)) for m in range(2)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2, rtol=0, atol=1e-5)


def test_own_weights_see_own_segments(images: Tensor) -> None:
    network = build(share_classifiers=False, aggregation="max")
    swapped = build(share_classifiers=False, aggregation="max")
    swapped.classifiers[0], swapped.classifiers[1] = network.classifiers[1], network.classifiers[0]
    with torch.no_grad():
        torch.testing.assert_close(network(images, SEGMENTS), swapped(images, SEGMENTS.flip(1)), rtol=0, atol=1e-5)


def test_what_does_not_fit_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="built for 1 streams, got 2"):
        build(num_streams=1)(images, SEGMENTS)
    with pytest.raises(ValueError, match="2 segment classifiers, got 3 segments"):
        build(share_classifiers=False)(images, SEGMENTS[:, [0, 0, 1]])
    with pytest.raises(ValueError, match="head"):
        build(head="nothing")
