import os
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from tests.worker.volume.studies import cine, write
from worker.series.frames import Frame, classic_frames, make_instance
from worker.volume import load_study
from worker.volume.pixels import decode_plan
from worker.volume.plan import StackPlan


def small(tmp_path: Path, **attributes: object) -> np.ndarray:
    images: list[FileDataset] = cine(n_phases=6, n_slices=5)
    for ds in images:
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
    return load_study(write(images, tmp_path)).stack.pixels


def test_decode_applies_rescale(tmp_path: Path) -> None:
    stored = small(tmp_path / "stored")
    rescaled = small(tmp_path / "rescaled", RescaleSlope="0.5", RescaleIntercept="-100")

    assert np.allclose(rescaled, stored * 0.5 - 100.0)


def test_decode_reads_signed_pixels(tmp_path: Path) -> None:
    images = cine(n_phases=6, n_slices=5)
    for ds in images:
        signed = np.frombuffer(ds.PixelData, "<u2").astype("<i2") - 1500
        ds.PixelRepresentation, ds.BitsStored, ds.HighBit = 1, 16, 15
        ds.PixelData = signed.astype("<i2").tobytes()
    pixels = load_study(write(images, tmp_path / "signed")).stack.pixels

    assert np.array_equal(pixels, small(tmp_path / "unsigned") - 1500.0)


def test_decode_turns_inverted_greyscale(tmp_path: Path) -> None:
    inverted = small(tmp_path / "inverted", PhotometricInterpretation="MONOCHROME1")

    assert np.array_equal(inverted, 4095.0 - small(tmp_path / "plain"))


def test_decode_gives_the_same_digest_in_nine_encodings() -> None:
    folder = os.environ.get("CMR_TRIAGE_DICOM_SAMPLES_DIR")
    if not folder:
        pytest.skip("CMR_TRIAGE_DICOM_SAMPLES_DIR is not set")
    digests = set()
    for path in (Path(folder) / "mr_transfer_syntaxes").glob("*.dcm"):
        header = dcmread(path, stop_before_pixels=True)
        decoded = decode_plan(_plan_of(classic_frames(make_instance(header, path))[0]))
        assert not decoded.failed
        assert decoded.pixels.shape == (1, 1, 384, 384)
        digests.add(decoded.digest)

    assert len(digests) == 1


def _plan_of(frame: Frame) -> StackPlan:
    assert frame.orientation is not None
    assert frame.spacing_mm is not None
    return StackPlan(
        frames=((frame,),),
        slice_origins_mm=np.array([frame.position_mm]),
        orientation=frame.orientation,
        spacing_mm=frame.spacing_mm,
        trigger_times_ms=np.zeros(1),
        rr_interval_ms=None,
        apex_direction_certain=True,
        notes=(),
    )
