import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.hearts import drawn_volume  # noqa: E402
from worker.training.augment import Augmentation, vary_intensities  # noqa: E402
from worker.training.batches import BatchMaker, ReadySlices, ViewPolicy  # noqa: E402

pytestmark = pytest.mark.train

STILL = Augmentation(
    rotation_deg=0, full_circle=0, scale_low=1, scale_high=1, mirror=0, stretch=0, elastic=0,
    intensity=0, remap=0, blur=0, coarsen=0, noise=0,
)  # fmt: skip
CENTRED = ViewPolicy(anywhere=0, offset_mm=0, flip_neighbours=0, drop_neighbours=0)


def maker(cohorts, mix, augmentation=STILL, policy=CENTRED, ready=None, seed=1):
    return BatchMaker(
        cohorts, ready or {}, mix, augmentation=augmentation, policy=policy, seed=seed
    )


def test_batch_image_and_labels_show_the_same_place():
    batch = maker(
        {"acdc": [drawn_volume(size=64)]},
        {"acdc": 1},
        Augmentation(intensity=0, remap=0, blur=0, coarsen=0, noise=0),
        ViewPolicy(anywhere=0, drop_neighbours=0),
    ).draw(8, 64)
    for image, labels in zip(batch.images[:, 1], batch.labels, strict=True):
        greys = [float(image[labels == k].median()) for k in (1, 2, 3)]
        assert greys == pytest.approx([0.7, 0.3, 0.9], abs=0.1)


def test_batch_label_area_follows_the_spacing():
    coarse = drawn_volume(size=64, spacing_mm=3.0)
    batch = maker({"acdc": [coarse]}, {"acdc": 1}).draw(6, 128)
    areas_px = [int((v == 3).sum()) for v in coarse.labels]
    found_px = [int((labels == 3).sum()) for labels in batch.labels]
    assert all(any(abs(f - 4 * a) < 0.1 * f for a in areas_px) for f in found_px)


def test_batch_shows_the_other_end_of_the_beat_unless_it_is_dropped():
    volume = drawn_volume(size=64)
    volume = dataclasses.replace(volume, opposite=volume.images * np.float32(0.5))
    for dropped, share in ((0.0, 0.5), (1.0, 1.0)):
        policy = dataclasses.replace(CENTRED, drop_opposite=dropped)
        images = maker({"acdc": [volume]}, {"acdc": 1}, policy=policy).draw(4, 32).images
        assert torch.allclose(images[:, 3:6], share * images[:, :3], atol=1e-5)


def test_batch_guide_is_what_was_drawn_in_the_slice_nearer_to_the_middle():
    volume = drawn_volume(n_slices=7, size=64)
    policy = dataclasses.replace(CENTRED, drop_guide=0.0, spoil_guide=0.0)
    batch = maker({"acdc": [volume]}, {"acdc": 1}, policy=policy).draw(24, 64)
    areas = [int((v == 3).sum()) for v in volume.labels]
    guided = 0
    for inputs, labels in zip(batch.images, batch.labels, strict=True):
        own, given = int((labels == 3).sum()), int(inputs[8].sum())
        z = int(np.argmin([abs(area - own) for area in areas]))
        if given:
            guided += 1
            neighbours = areas[max(0, z - 1) : z] + areas[z + 1 : z + 2]
            assert min(abs(area - given) for area in neighbours) < 0.15 * given
    assert guided > 12


def test_batch_guide_is_spoilt_or_missing_as_often_as_the_policy_says():
    volume = drawn_volume(n_slices=7, size=64)
    none = dataclasses.replace(CENTRED, drop_guide=1.0)
    spoilt = dataclasses.replace(CENTRED, drop_guide=0.0, spoil_guide=1.0)
    guides = {
        name: maker({"acdc": [volume]}, {"acdc": 1}, policy=policy).draw(24, 64).images[:, 6:]
        for name, policy in (("none", none), ("spoilt", spoilt))
    }
    assert not guides["none"].any()
    overlap = guides["spoilt"].sum(dim=1).max()
    assert guides["spoilt"].any()
    assert float(overlap) <= 1.0


def test_batch_same_seed_gives_the_same_batch():
    cohorts, mix = {"acdc": [drawn_volume(), drawn_volume(1)]}, {"acdc": 1}
    one, other = (maker(cohorts, mix, Augmentation(), ViewPolicy()).draw(4, 48) for _ in range(2))
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.labels, other.labels)


def test_batch_keeps_to_the_mix_and_marks_partial_labels():
    cohorts = {"acdc": [drawn_volume()], "sunnybrook": [drawn_volume(1, lv_only=True)]}
    ready = {
        "phantom": ReadySlices(
            np.zeros((2, 3, 48, 48), np.float16), np.zeros((2, 48, 48), np.uint8)
        )
    }
    mix = {"acdc": 0.5, "sunnybrook": 0.25, "phantom": 0.25}
    batch = maker(cohorts, mix, ready=ready).draw(80, 32)
    empty = (batch.images.amax(dim=(1, 2, 3)) == 0).float().mean()
    assert 0.1 < float(batch.lv_only.float().mean()) < 0.4
    assert 0.1 < float(empty) < 0.4


def test_batch_without_phantoms_uses_what_there_is():
    batch = maker({"acdc": [drawn_volume()]}, {"acdc": 0.5, "phantom": 0.5}).draw(4, 32)
    assert (batch.images.amax(dim=(1, 2, 3)) > 0).all()


def test_intensities_stay_in_range_and_geometry_stays():
    images = torch.rand(8, 3, 32, 32) * 1.5
    strong = Augmentation(intensity=1, remap=1, blur=1, coarsen=1, noise=1)
    varied = vary_intensities(images, strong, torch.Generator().manual_seed(0))
    assert varied.shape == images.shape
    assert float(varied.min()) >= 0.0
    assert float(varied.max()) <= 1.5
    assert not torch.equal(varied, images)
