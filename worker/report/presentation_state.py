r"""Grayscale Softcopy Presentation State: the contours as graphics on the original images.

One object for all images of end-diastole and end-systole; each graphic names the frame that it
belongs to, and each border has a layer of its own that a viewer can hide. Nothing is drawn into
pixels.

References
----------
DICOM PS3.3 A.33.1 (GSPS IOD), C.10.5 (Graphic Annotation: the corner of the first pixel is 0\0),
C.10.4 (Displayed Area), C.11.8 (Softcopy VOI LUT), PS3.4 N.2 (a presentation state without Modality
LUT works on stored values).
"""

from collections.abc import Iterator

from highdicom.color import CIELabColor
from pydicom.dataset import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage
from pydicom.valuerep import DSfloat

from worker.report.figures.canvas import ENDOCARDIUM, EPICARDIUM, RIGHT_VENTRICLE, WARNING
from worker.report.figures.tiles import grey_window
from worker.report.header import result_dataset
from worker.report.identity import NOT_VERIFIED
from worker.report.material import Material
from worker.report.references import frame_item, presented_series
from worker.report.regions import Outline, outlines
from worker.report.structures import ends_of_cycle
from worker.volume.types import FrameReference

SERIES_NUMBER = 9921
SERIES_DESCRIPTION = "AI CMR contours on images (not verified)"
_LAYERS = {  # by the name of the border: layer, description, colour
    "LV endocardium": ("LV_ENDO", "LV endocardium", ENDOCARDIUM),
    "LV epicardium": ("LV_EPI", "LV epicardium", EPICARDIUM),
    "RV endocardium": ("RV_ENDO", "RV endocardium", RIGHT_VENTRICLE),
}
_NOTICE_LAYER = ("NOTICE", "What this is, and that nobody verified it", WARNING)
_NOTICE_BOX = (0.02, 0.94, 0.98, 0.99)  # left, top, right, bottom of the displayed area
_Rescale = tuple[float, float]


def presentation_state(material: Material) -> Dataset | None:
    """Return the object, or None where the images are inverted (MONOCHROME1)."""
    if material.reference.get("PhotometricInterpretation") == "MONOCHROME1":
        return None
    frames = list(_frames(material))
    dataset = result_dataset(
        material.reference,
        material.identity,
        sop_class_uid=GrayscaleSoftcopyPresentationStateStorage,
        sop_instance_uid=material.uids.instance("gsps"),
        series_instance_uid=material.uids.series("gsps"),
        modality="PR",
        series_number=SERIES_NUMBER,
        series_description=SERIES_DESCRIPTION,
    )
    dataset.BodyPartExamined = "HEART"
    dataset.ContentLabel = "CMR_ED_ES"
    dataset.ContentDescription = NOT_VERIFIED
    dataset.ContentCreatorName = ""
    dataset.PresentationCreationDate = dataset.ContentDate
    dataset.PresentationCreationTime = dataset.ContentTime
    del dataset.ContentDate, dataset.ContentTime  # no part of this kind of object
    dataset.ReferencedSeriesSequence = presented_series(frame for _, _, frame in frames)
    dataset.DisplayedAreaSelectionSequence = [_whole_image(material)]
    dataset.GraphicAnnotationSequence = [*_contours(material), *_notices(material, frames)]
    dataset.GraphicLayerSequence = [
        _layer(order, *layer)
        for order, layer in enumerate((*_LAYERS.values(), _NOTICE_LAYER), start=1)
    ]
    _set_grey_values(dataset, material, [frame for _, _, frame in frames])
    dataset.PresentationLUTShape = "IDENTITY"
    return dataset


def _frames(material: Material) -> Iterator[tuple[str, int, FrameReference]]:
    """Yield name of the phase, slice and source of every image that is presented."""
    for name, phase in ends_of_cycle(material.assessment):
        for z, frame in enumerate(material.stack.frames[phase]):
            yield name, z, frame


def _contours(material: Material) -> Iterator[Dataset]:
    """Yield one annotation for each frame and layer, with all its outlines."""
    by_place: dict[tuple[int, int, str], list[Outline]] = {}
    for outline in outlines(material):
        place = (outline.phase, outline.slice_index, outline.border.name)
        by_place.setdefault(place, []).append(outline)
    for (phase, z, border), members in by_place.items():
        annotation = _annotation(material.stack.frames[phase][z], _LAYERS[border][0])
        annotation.GraphicObjectSequence = [_graphic(outline) for outline in members]
        yield annotation


def _graphic(outline: Outline) -> Dataset:
    graphic = Dataset()
    graphic.GraphicAnnotationUnits = "PIXEL"
    graphic.GraphicDimensions = 2
    graphic.NumberOfGraphicPoints = len(outline.points)
    graphic.GraphicData = [round(float(v), 3) for v in (outline.points + 0.5).reshape(-1)]
    graphic.GraphicType = "POLYLINE"
    graphic.GraphicFilled = "N"
    return graphic


def _notices(
    material: Material, frames: list[tuple[str, int, FrameReference]]
) -> Iterator[Dataset]:
    """Yield a line of text for each frame: which it is, and that nobody verified the contours."""
    left, top, right, bottom = _NOTICE_BOX
    for name, z, frame in frames:
        text = Dataset()
        text.BoundingBoxAnnotationUnits = "DISPLAY"
        text.UnformattedTextValue = f"{name}, slice {z + 1}. {NOT_VERIFIED}"
        text.BoundingBoxTopLeftHandCorner = [left, top]
        text.BoundingBoxBottomRightHandCorner = [right, bottom]
        text.BoundingBoxTextHorizontalJustification = "LEFT"
        annotation = _annotation(frame, _NOTICE_LAYER[0])
        annotation.TextObjectSequence = [text]
        yield annotation


def _annotation(frame: FrameReference, layer: str) -> Dataset:
    annotation = Dataset()
    annotation.ReferencedImageSequence = [frame_item(frame)]
    annotation.GraphicLayer = layer
    return annotation


def _layer(order: int, name: str, description: str, colour: str) -> Dataset:
    layer = Dataset()
    layer.GraphicLayer = name
    layer.GraphicLayerOrder = order
    layer.GraphicLayerDescription = description
    layer.GraphicLayerRecommendedDisplayCIELabValue = list(CIELabColor.from_string(colour).value)
    return layer


def _whole_image(material: Material) -> Dataset:
    """Return the displayed area: the whole image, as large as fits, pixels as wide as they are."""
    stack = material.stack
    n_rows, n_columns = stack.pixels.shape[2:]
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [int(n_columns), int(n_rows)]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelSpacing = [
        DSfloat(round(stack.row_spacing_mm, 9)),
        DSfloat(round(stack.column_spacing_mm, 9)),
    ]
    return area


def _set_grey_values(dataset: Dataset, material: Material, frames: list[FrameReference]) -> None:
    """Show blood bright, as on the pages.

    Where all images have one rescale it is repeated here and the window is in its values; where
    they differ, each group of images has a window in its own stored values.
    """
    ed_phase = material.assessment.ed_phase
    low, high = grey_window(material.stack.pixels[ed_phase], material.labels[ed_phase])
    groups: dict[_Rescale, list[FrameReference]] = {}
    for frame in frames:
        groups.setdefault((frame.slope, frame.intercept), []).append(frame)
    if len(groups) == 1:
        ((slope, intercept),) = groups
        if (slope, intercept) != (1.0, 0.0):
            dataset.RescaleSlope = DSfloat(slope, auto_format=True)
            dataset.RescaleIntercept = DSfloat(intercept, auto_format=True)
            dataset.RescaleType = "US"
        dataset.SoftcopyVOILUTSequence = [_window(low, high)]
        return
    dataset.SoftcopyVOILUTSequence = []
    for (slope, intercept), members in groups.items():
        window = _window((low - intercept) / slope, (high - intercept) / slope)
        window.ReferencedImageSequence = [frame_item(frame) for frame in members]
        dataset.SoftcopyVOILUTSequence.append(window)


def _window(low: float, high: float) -> Dataset:
    window = Dataset()
    window.WindowCenter = DSfloat(round((low + high) / 2, 3))
    window.WindowWidth = DSfloat(round(max(high - low, 1.0), 3))
    return window
