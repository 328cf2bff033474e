"""How Siemens, GE and Philips name sequences and which cardiac timing they write.

Knows conventions seen in their images (and nothing private). Does not build datasets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from worker.phantom.pictures import SeriesKind


class Vendor(StrEnum):
    """Maker of the scanner whose conventions are followed."""

    SIEMENS = "SIEMENS"
    GE = "GE"
    PHILIPS = "PHILIPS"


@dataclass(frozen=True)
class Maker:
    """Equipment attributes and habits of one vendor.

    ``timing`` lists the timing attributes that its cine images carry beside Trigger Time;
    ``rescale_slope`` is written (with intercept 0) where it is not None.
    """

    manufacturer: str
    model: str
    software: str
    timing: tuple[str, ...]
    rescale_slope: float | None = None


MAKERS: dict[Vendor, Maker] = {
    Vendor.SIEMENS: Maker(
        "SIEMENS", "Aera", "syngo MR E11", ("NominalInterval", "CardiacNumberOfImages")
    ),
    Vendor.GE: Maker(
        "GE MEDICAL SYSTEMS",
        "SIGNA Artist",
        "DV26.0",
        ("NominalInterval", "HeartRate", "CardiacNumberOfImages"),
    ),
    Vendor.PHILIPS: Maker(
        "Philips Medical Systems",
        "Ingenia",
        "5.3.1",
        ("HeartRate", "TemporalPositionIdentifier"),
        0.5,
    ),
}


@dataclass(frozen=True)
class Sequence:
    """What the headers of one kind of series say; times in ms."""

    description: str
    image_type: tuple[str, ...]
    scanning_sequence: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    scan_options: tuple[str, ...]
    sequence_name: str
    repetition_time_ms: float = 42.0
    echo_time_ms: float = 1.3
    flip_angle_deg: float = 65.0
    inversion_time_ms: float | None = None
    extra: dict[str, str] = field(default_factory=dict)


_CINE_NAMES: dict[Vendor, dict[SeriesKind, str]] = {
    Vendor.SIEMENS: {
        SeriesKind.SHORT_AXIS: "cine_tf2d_retro_sax",
        SeriesKind.TWO_CHAMBER: "cine_tf2d_retro_2ch",
        SeriesKind.THREE_CHAMBER: "cine_tf2d_retro_3ch",
        SeriesKind.FOUR_CHAMBER: "cine_tf2d_retro_4ch",
    },
    Vendor.GE: {
        SeriesKind.SHORT_AXIS: "FIESTA CINE SA",
        SeriesKind.TWO_CHAMBER: "FIESTA CINE 2CH",
        SeriesKind.THREE_CHAMBER: "FIESTA CINE 3CH",
        SeriesKind.FOUR_CHAMBER: "FIESTA CINE 4CH",
    },
    Vendor.PHILIPS: {
        SeriesKind.SHORT_AXIS: "sBTFE_BH_SA",
        SeriesKind.TWO_CHAMBER: "sBTFE_BH_2CH",
        SeriesKind.THREE_CHAMBER: "sBTFE_BH_3CH",
        SeriesKind.FOUR_CHAMBER: "sBTFE_BH_4CH",
    },
}

_SIEMENS: dict[SeriesKind, Sequence] = {
    SeriesKind.LOCALISER: Sequence(
        "localizer",
        ("ORIGINAL", "PRIMARY", "M", "ND"),
        ("GR",),
        ("SK", "SP"),
        (),
        "*tfi2d1_256",
        3.2,
        1.4,
    ),
    SeriesKind.LGE: Sequence(
        "psir_tfl_sax_LGE",
        ("ORIGINAL", "PRIMARY", "M", "ND"),
        ("GR", "IR"),
        ("SK", "SP", "MP"),
        ("IR", "CG"),
        "*tfl2d1_23",
        700.0,
        1.6,
        25.0,
        300.0,
    ),
    SeriesKind.T1_MAP: Sequence(
        "T1map_MOLLI_sax_T1",
        ("DERIVED", "PRIMARY", "M", "T1", "T1 MAP"),
        ("GR", "IR"),
        ("SK", "SP", "MP"),
        ("CT", "CG"),
        "*tfi2d1_65",
        360.0,
        1.1,
        35.0,
        180.0,
    ),
    SeriesKind.FLOW: Sequence(
        "flow_aorta_v150_P",
        ("ORIGINAL", "PRIMARY", "P", "RETRO", "ND"),
        ("GR",),
        ("SP",),
        ("CT", "CG"),
        "*fl2d1_v150in",
        39.0,
        2.5,
        20.0,
    ),
}

_GE: dict[SeriesKind, Sequence] = {
    SeriesKind.LOCALISER: Sequence(
        "3-pl Loc FIESTA",
        ("ORIGINAL", "PRIMARY", "OTHER"),
        ("GR",),
        ("SS",),
        ("FAST_GEMS",),
        "",
        3.8,
        1.5,
    ),
    SeriesKind.LGE: Sequence(
        "2D MDE SA",
        ("ORIGINAL", "PRIMARY", "OTHER"),
        ("GR", "IR"),
        ("NONE",),
        ("CG",),
        "",
        6.5,
        3.1,
        20.0,
        275.0,
    ),
    SeriesKind.T1_MAP: Sequence(
        "T1 MAP SA MOLLI",
        ("DERIVED", "PRIMARY", "T1 MAP"),
        ("GR", "IR"),
        ("SS",),
        ("CG",),
        "",
        3.0,
        1.3,
        35.0,
        150.0,
    ),
    SeriesKind.FLOW: Sequence(
        "FASTCARD PC Flow VENC 150",
        ("ORIGINAL", "PRIMARY", "VELOCITY"),
        ("GR",),
        ("NONE",),
        ("CG",),
        "",
        6.1,
        3.2,
        20.0,
    ),
}

_PHILIPS: dict[SeriesKind, Sequence] = {
    SeriesKind.LOCALISER: Sequence(
        "Survey",
        ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"),
        ("GR",),
        ("SS",),
        ("FC",),
        "",
        3.4,
        1.5,
    ),
    SeriesKind.LGE: Sequence(
        "LGE_PSIR_SA",
        ("ORIGINAL", "PRIMARY", "M_IR", "M", "IR"),
        ("GR", "IR"),
        ("MP",),
        ("CG",),
        "",
        6.1,
        3.0,
        25.0,
        290.0,
    ),
    SeriesKind.T1_MAP: Sequence(
        "T1 map MOLLI SA",
        ("DERIVED", "PRIMARY", "T1 MAP", "T1", "UNSPECIFIED"),
        ("GR", "IR"),
        ("SS",),
        ("CG",),
        "",
        2.3,
        1.1,
        35.0,
        165.0,
    ),
    SeriesKind.FLOW: Sequence(
        "QFlow_Ao",
        ("ORIGINAL", "PRIMARY", "VELOCITY MAP", "P", "PCA"),
        ("GR",),
        ("SP",),
        ("CG",),
        "",
        4.9,
        2.9,
        12.0,
    ),
}

_OTHERS = {Vendor.SIEMENS: _SIEMENS, Vendor.GE: _GE, Vendor.PHILIPS: _PHILIPS}


def sequence_of(vendor: Vendor, kind: SeriesKind) -> Sequence:
    """Header conventions of one kind of series of one vendor."""
    if kind in _OTHERS[vendor]:
        return _OTHERS[vendor][kind]
    name = _CINE_NAMES[vendor][kind]
    if vendor is Vendor.SIEMENS:
        image_type = ("ORIGINAL", "PRIMARY", "M", "RETRO", "NORM", "DIS2D")
        return Sequence(
            name, image_type, ("GR",), ("SK", "SP"), ("CT", "CG"), "*tfi2d1_15", 40.0, 1.2
        )
    if vendor is Vendor.GE:
        return Sequence(
            name,
            ("ORIGINAL", "PRIMARY", "OTHER"),
            ("GR",),
            ("SS", "SK"),
            ("FAST_GEMS", "CG"),
            "",
            3.6,
            1.6,
            55.0,
        )
    ffe = ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE")
    return Sequence(name, ffe, ("GR",), ("SS",), ("CG",), "", 2.9, 1.4, 60.0)
