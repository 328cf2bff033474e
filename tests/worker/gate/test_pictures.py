"""What the layer without a network sees in pictures that are none."""

import dataclasses

import numpy as np
import pytest

from plugin.domain.errors import Reason, StudyRejectedError
from tests.worker.gate.studies import cine, stack_of
from worker.gate import Verdict, examine_pictures
from worker.gate.pictures import picture_numbers


def test_cine_of_a_heart_passes_with_a_verdict_for_every_number():
    checks = examine_pictures(stack_of(cine()))
    assert {one.verdict for one in checks} == {Verdict.PASS}
    assert len(checks) > 8


@pytest.mark.parametrize(
    ("impostor", "words", "reason"),
    [
        ("blank", "grey values", Reason.PICTURES_UNUSABLE),
        ("noise", "variance", Reason.PICTURES_UNUSABLE),
        ("shuffled_slices", "order of the slices", Reason.PICTURES_UNUSABLE),
        ("localiser", "order of the slices", Reason.PICTURES_UNUSABLE),
        ("static_heart", "between phases", Reason.HEART_STANDS_STILL),
    ],
)
def test_pictures_that_are_no_cine_of_a_heart_are_refused_by_name(impostor, words, reason):
    with pytest.raises(StudyRejectedError) as refused:
        examine_pictures(stack_of(cine(impostor)))
    assert refused.value.reason is reason
    assert refused.value.detail.startswith("layer pictures: ")
    assert words in refused.value.detail


def changed(**changes):
    return picture_numbers(dataclasses.replace(stack_of(cine()), **changes))


def test_numbers_do_not_depend_on_the_scanners_scale():
    plain = picture_numbers(stack_of(cine()))
    scaled = changed(pixels=7.0 * stack_of(cine()).pixels + 100.0)
    assert scaled == pytest.approx(plain, rel=1e-3)


def test_more_noise_lowers_the_signal_to_noise_ratio_as_much():
    pixels = stack_of(cine()).pixels
    rng = np.random.default_rng(0)
    ratios = [
        changed(pixels=pixels + rng.normal(0.0, sigma, pixels.shape).astype(np.float32))
        for sigma in (40.0, 80.0)
    ]
    assert ratios[0]["signal_to_noise"] == pytest.approx(2 * ratios[1]["signal_to_noise"], rel=0.2)


def test_blurring_lowers_the_sharpness():
    from scipy.ndimage import gaussian_filter

    pixels = stack_of(cine()).pixels
    blurred = changed(pixels=gaussian_filter(pixels, (0, 0, 1.5, 1.5)))
    assert blurred["sharpness"] < 0.8 * picture_numbers(stack_of(cine()))["sharpness"]


def test_two_moments_tell_as_much_as_the_whole_beat():
    pixels = stack_of(cine()).pixels
    away = np.abs(pixels - pixels[0]).mean(axis=(1, 2, 3))
    pair = changed(pixels=pixels[[0, int(away.argmax())]])
    whole = picture_numbers(stack_of(cine()))
    assert pair["motion"] == pytest.approx(whole["motion"], rel=0.1)


def test_single_slice_and_phase_give_what_they_can():
    stack = stack_of(cine())
    one = dataclasses.replace(
        stack, pixels=stack.pixels[:1, :1], slice_origins_mm=stack.slice_origins_mm[:1]
    )
    numbers = picture_numbers(one)
    assert "motion" not in numbers
    assert "slice_order" not in numbers
    assert numbers["signal_to_noise"] > 5


def test_not_a_number_in_the_pixels_refuses_nothing_by_itself():
    pixels = stack_of(cine()).pixels.copy()
    pixels[:, :, 0, 0] = np.nan
    assert changed(pixels=pixels) == pytest.approx(picture_numbers(stack_of(cine())), rel=0.05)
