import pytest
import torch

from amclip.augmentation import Augmentation

# Of the clip filled with b all numbers are b.
MOTION = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 1, 2).clone()


def clips() -> tuple[torch.Tensor, torch.Tensor]:
    """Clip ``b`` is filled with ``b`` everywhere, so a mixed clip shows what it was mixed of."""
    images = torch.arange(4.0).view(4, 1, 1, 1, 1, 1).expand(4, 3, 2, 3, 16, 16).clone()
    return images, torch.eye(4)


def test_mixup_blends_frames_and_flow_images_alike_and_labels_in_the_same_shares() -> None:
    torch.manual_seed(0)
    images, labels = clips()
    mixed, motion, shares = Augmentation(mixup=0.8).mix(images, MOTION, labels)
    assert mixed.shape == images.shape
    assert type(mixed) is torch.Tensor
    torch.testing.assert_close(mixed, mixed[:, :1, :1, :1, :1, :1].expand_as(mixed))  # every position, stream and pixel
    torch.testing.assert_close(mixed[:, 0, 0, 0, 0, 0], shares @ torch.arange(4.0))
    torch.testing.assert_close(motion, mixed[:, :, :1, 0, 0, :1].expand(4, 3, 1, 2))
    assert 0 < float(shares[1, 1]) < 1
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(4))


def test_cutmix_pastes_one_box_at_every_position_and_in_both_streams() -> None:
    torch.manual_seed(1)
    images, labels = clips()
    mixed, motion, shares = Augmentation(cutmix=1.0).mix(images, MOTION, labels)
    assert set(mixed[1].unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(mixed, mixed[:, :1, :1, :1].expand_as(mixed))  # the same picture, box and all
    kept = (mixed[1, 0, 1, 0] == 1).float().mean()
    torch.testing.assert_close(shares[1], torch.tensor([1 - kept, kept, 0, 0]))
    torch.testing.assert_close(motion, (shares @ torch.arange(4.0)).view(4, 1, 1, 1).expand(4, 3, 1, 2))


def test_with_both_each_batch_draws_one_and_with_none_nothing_changes() -> None:
    images, labels = clips()
    torch.manual_seed(0)
    both = Augmentation(mixup=0.8, cutmix=1.0)
    blended = [len(both.mix(images, MOTION, labels)[0][1].unique()) == 1 for _ in range(30)]
    assert 5 < sum(blended) < 25
    same, numbers, unchanged = Augmentation().mix(images, MOTION, labels)
    assert same is images
    assert numbers is MOTION
    assert unchanged is labels
    with pytest.raises(ValueError, match="cutmix: expected 0"):
        Augmentation(cutmix=-1.0)


def test_clips_are_turned_to_all_four_sides_all_pictures_of_a_clip_alike() -> None:
    torch.manual_seed(0)
    corner = torch.zeros(3, 2, 2, 3, 8, 8)
    corner[..., :4, :4] = 1
    found = set()
    for _ in range(20):
        turned, shown = Augmentation(flip=0, turn=True, crop_scale=(1.0, 1.0)).crop(corner, 8)
        torch.testing.assert_close(shown, torch.ones(3, 2))
        for clip in turned:
            torch.testing.assert_close(clip, clip[:1, :1, :1].expand_as(clip))
            found.add(tuple(clip[0, 0, 0, ::7, ::7].flatten().round().int().tolist()))
    assert found == {(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)}
    assert Augmentation(flip=0, turn=True, crop_scale=(1.0, 1.0)).moves


def test_a_turned_clip_knows_what_its_sides_show() -> None:
    """Columns of the picture count up: of the fraction that is shown a turned crop counts along the other side."""
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 1, 3, 64, 64).contiguous()
    turns = 0
    torch.manual_seed(0)
    for _ in range(20):
        turned, shown = Augmentation(flip=0, turn=True, crop_scale=(0.3, 0.6)).crop(ramp, 64)
        picture = turned[0, 0, 0, 0]
        along = [float((picture.amax(side) - picture.amin(side)).mean()) for side in (0, 1)]  # height, width
        turns += along[0] > along[1]
        assert max(along) == pytest.approx(float(shown[0, 0 if along[0] > along[1] else 1]), abs=0.03)
    assert 4 < turns < 16
