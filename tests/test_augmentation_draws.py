"""What is drawn for a clip in training depends on its seed, and on nothing that is beside it."""

import pytest
import torch

from amclip.augmentation import Augmentation
from amclip.inputs import NetworkInput
from amclip.preprocess import Preprocess

SEEDS = [11, 2**62, 5, 7, 0, 3, 8, 2]


def frames(clips: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randint(0, 255, (clips, 2, 2, 3, 24, 24), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("together", [1, 2, 4])
def test_a_clip_looks_the_same_in_any_batch(together: int) -> None:
    augmentation = Augmentation(flip=0.5, turn=True, crop_scale=(0.4, 1.0), color_jitter=0.6)
    preprocess = Preprocess(NetworkInput(image_size=16), augmentation)
    clips = frames()
    before = torch.get_rng_state()
    whole = preprocess(clips, augment=True, seeds=SEEDS).images
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)  # where torch's generator stands must not matter
    parts = [
        preprocess(clips[i : i + together], augment=True, seeds=SEEDS[i : i + together]).images
        for i in range(0, 8, together)
    ]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-5)
    others = preprocess(clips, augment=True, seeds=[seed + 1 for seed in SEEDS]).images
    assert all(float((a - b).abs().max()) > 0.1 for a, b in zip(others, whole, strict=True))


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0.0), (0.0, 1.0), (0.8, 1.0)])
def test_pairs_are_mixed_the_same_in_any_batch(mixup: float, cutmix: float) -> None:
    augmentation = Augmentation(mixup=mixup, cutmix=cutmix)
    images, motion = torch.rand(8, 2, 1, 3, 16, 16), torch.rand(8, 2, 1, 5)
    labels = torch.eye(8)
    whole = augmentation.mix(images, motion, labels, SEEDS)
    for together in (2, 4):
        parts = [
            augmentation.mix(*(x[i : i + together] for x in (images, motion, labels)), SEEDS[i : i + together])
            for i in range(0, 8, together)
        ]
        for part, one in zip(zip(*parts, strict=True), whole, strict=True):
            torch.testing.assert_close(torch.cat(part), one)
    shares = whole[2]
    assert shares.sum(dim=1) == pytest.approx(torch.ones(8))
    partner = torch.arange(8) ^ 1
    assert float(shares[torch.arange(8), torch.arange(8)].add(shares[torch.arange(8), partner]).min()) > 0.999
    assert len({round(float(share), 4) for share in shares.diagonal()}) >= 4  # a share of its own for each pair


def test_an_odd_clip_is_mixed_with_the_pair_before_and_one_alone_with_none() -> None:
    augmentation = Augmentation(mixup=0.8)
    images, motion = torch.rand(5, 2, 1, 3, 16, 16), torch.rand(5, 2, 1, 0)
    shares = augmentation.mix(images, motion, torch.eye(5), SEEDS[:5])[2]
    assert bool((shares[:2, 2:] == 0).all())
    assert bool((shares[2:, :2] == 0).all())
    assert bool(((shares[2:, 2:] > 0).sum(dim=1) == 2).all())
    alone = augmentation.mix(images[:1], motion[:1], torch.eye(5)[:1], SEEDS[:1])
    torch.testing.assert_close(alone[0], images[:1])


def test_colours_change_by_at_most_the_strength_and_for_four_clips_in_five() -> None:
    grey = torch.full((400, 2, 3, 4, 4), 0.5)
    changed = Augmentation(color_jitter=0.2).jitter_colors(grey, list(range(400)))
    assert torch.equal(changed[:, 0], changed[:, 1])  # the same for a whole clip
    values = changed[:, 0, 0, 0, 0] / 0.5
    assert 0.79 <= float(values.min()) < 0.83
    assert 1.17 < float(values.max()) <= 1.21
    assert 0.74 < float((values != 1).float().mean()) < 0.86
