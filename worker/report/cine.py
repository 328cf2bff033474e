"""The contours over the beat as a multi-frame image that a viewer plays.

Frames are JPEG (baseline, 4:2:2): a beat of pages without compression is as large
as the study's own cine, and every viewer decodes it. The pictures are drawn, so what JPEG loses is
no image information of the patient; the measured images are untouched.

References
----------
DICOM PS3.3 A.8.5 (Multi-frame True Color SC IOD), C.8.6.3 (SC Multi-frame Image), C.7.6.5 (Cine),
C.7.6.6 (Multi-frame), C.7.6.1.1.5 (Lossy Compression), PS3.5 8.2.1 (JPEG).
"""

import io

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, MultiFrameTrueColorSecondaryCaptureImageStorage

from worker.report.figures.beating import beating_pages
from worker.report.figures.canvas import RgbArray
from worker.report.material import Material
from worker.report.secondary_capture import capture_without_pixels, set_pixel_form

SERIES_NUMBER = 9905
SERIES_DESCRIPTION = "AI CMR contours over the beat (not verified)"
_QUALITY = 92
_HALF_COLOUR = 1  # 4:2:2, what DICOM has for JPEG baseline


def cine(material: Material) -> Dataset | None:
    """Return the object, or None where the cine has a single phase."""
    stack = material.stack
    if stack.n_phases < 2:  # noqa: PLR2004 - one phase does not move
        return None
    pages = beating_pages(stack, material.labels, material.assessment, material.identity)
    frames = [_jpeg(page) for page in pages]
    dataset = capture_without_pixels(
        "cine",
        (SERIES_NUMBER, SERIES_DESCRIPTION),
        MultiFrameTrueColorSecondaryCaptureImageStorage,
        material.reference,
        material.identity,
        material.uids,
    )
    step_ms = float(np.median(np.diff(stack.trigger_times_ms)))
    dataset.NumberOfFrames = len(frames)
    dataset.FrameIncrementPointer = 0x00181063
    dataset.FrameTime = f"{step_ms:.3f}"
    dataset.RecommendedDisplayFrameRate = max(round(1000.0 / step_ms), 1)
    dataset.StartTrim, dataset.StopTrim = 1, len(frames)
    dataset.PreferredPlaybackSequencing = 0  # looping
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    dataset.LossyImageCompressionRatio = f"{_ratio(pages, frames):.1f}"
    set_pixel_form(dataset, pages[0], "YBR_FULL_422")
    dataset.add_new("PixelData", "OB", encapsulate(frames))
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return dataset


def _jpeg(page: RgbArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, "JPEG", quality=_QUALITY, subsampling=_HALF_COLOUR)
    content = buffer.getvalue()
    return content + b"\x00" * (len(content) % 2)


def _ratio(pages: list[RgbArray], frames: list[bytes]) -> float:
    return sum(page.nbytes for page in pages) / sum(len(frame) for frame in frames)
