"""What the sequence attributes and names of a series tell.

Knows the words that Siemens, GE and Philips put into Scanning Sequence, Sequence Name, Image Type
and descriptions. Does not know geometry. Descriptions are kept apart, because they are typed by
people and come last.
"""

import re
from collections.abc import Set
from dataclasses import dataclass

from pydicom.dataset import Dataset

from worker.series import attributes as read
from worker.series.roles import Role

_BALANCED_NAME = re.compile(
    r"\*?tfi\d?d|trufi|true.?fisp|fiesta|b-?tfe|bffe|b-?ssfp", re.IGNORECASE
)
_VELOCITY_NAME = re.compile(r"_v\d+(in|through|ap|rl|fh)?\b|_pc\d|\bpcmr\b", re.IGNORECASE)
_T1_MAP = re.compile(r"T1[ _-]?MAP")
_T2_MAP = re.compile(r"T2[ _-]?MAP")
_MAP_UNITS = {"113063": Role.T1_MAP, "113065": Role.T2_MAP}  # DCM, CID 7469
_VELOCITY_TYPES = frozenset(
    {"VELOCITY", "VELOCITY MAP", "PHASE CONTRAST", "PCA", "M_PCA", "PHASE MAP"}
)

# Words of descriptions and protocol names, the more special first.
_DESCRIPTIONS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (Role.T1_MAP, re.compile(r"molli|shmolli|sasha|t1[ _-]?map", re.IGNORECASE)),
    (Role.T2_MAP, re.compile(r"t2[ _-]?map|t2\*?[ _-]?map|t2[ _-]?prep.*map", re.IGNORECASE)),
    (
        Role.LGE,
        re.compile(r"(^|[^a-z])(lge|psir|de|delayed|late|viability)([^a-z]|$)", re.IGNORECASE),
    ),
    (Role.PERFUSION, re.compile(r"perf|first.?pass|stress.?dyn|rest.?dyn", re.IGNORECASE)),
    (Role.FLOW, re.compile(r"flow|venc|phase.?contrast|(^|[^a-z])qf([^a-z]|$)", re.IGNORECASE)),
    (Role.LOCALISER, re.compile(r"local|scout|survey|loc(?![a-z])|localizer", re.IGNORECASE)),
    (
        Role.SHORT_AXIS_CINE,
        re.compile(r"(^|[^a-z])(sax?|short.?ax\w*|kurz\w*|sa.?stack)([^a-z]|$)", re.IGNORECASE),
    ),
    (Role.TWO_CHAMBER_CINE, re.compile(r"(^|[^0-9])2.?ch|two.?chamber|vla", re.IGNORECASE)),
    (Role.THREE_CHAMBER_CINE, re.compile(r"(^|[^0-9])3.?ch|three.?chamber|lvot", re.IGNORECASE)),
    (Role.FOUR_CHAMBER_CINE, re.compile(r"(^|[^0-9])4.?ch|four.?chamber|hla", re.IGNORECASE)),
)
_TAGGING = re.compile(r"(^|[^a-z])(tag|tagging|tagged|cspamm|spamm|grid)([^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SequenceTraits:
    """What the first header of a series says about its sequence.

    ``described`` is the role that descriptions suggest, None without a known word.
    """

    is_balanced: bool
    is_inversion: bool
    is_saturation: bool
    is_echo_planar: bool
    has_velocity: bool
    has_contrast_agent: bool
    is_tagged: bool
    map_role: Role | None
    is_localiser_type: bool
    described: Role | None


def sequence_traits(header: Dataset, image_type: Set[str]) -> SequenceTraits:
    """Read the sequence attributes of one header (classic or Enhanced).

    ``image_type`` are the tokens of all frames of the series, because Philips puts magnitude and
    velocity images into one series.
    """
    scanning = set(read.tokens(header, "ScanningSequence"))
    variant = set(read.tokens(header, "SequenceVariant"))
    name = read.text(header, "SequenceName") or read.text(header, "PulseSequenceName")
    described = description(header)
    return SequenceTraits(
        is_balanced=_is_balanced(header, scanning, variant, name)
        or _BALANCED_NAME.search(described) is not None,
        is_inversion="IR" in scanning or read.text(header, "InversionRecovery") == "YES",
        is_saturation="SR" in scanning
        or read.text(header, "SaturationRecovery") == "YES"
        or name.lstrip("*").lower().startswith("tfl2d1sr"),
        is_echo_planar="EP" in scanning or read.text(header, "EchoPlanarPulseSequence") == "YES",
        has_velocity=_has_velocity(header, image_type, name),
        has_contrast_agent=bool(read.text(header, "ContrastBolusAgent"))
        or bool(read.items(header, "ContrastBolusAgentSequence")),
        is_tagged=_is_tagged(header, described),
        map_role=_map_role(header, image_type),
        is_localiser_type="LOCALIZER" in image_type,
        described=_described_role(described),
    )


def description(header: Dataset) -> str:
    """Return series description and protocol name, joined."""
    return f"{read.text(header, 'SeriesDescription')} {read.text(header, 'ProtocolName')}".strip()


def _is_balanced(header: Dataset, scanning: set[str], variant: set[str], name: str) -> bool:
    if _BALANCED_NAME.search(name):
        return True
    if read.text(header, "SteadyStatePulseSequence").upper() not in {"", "NONE"}:
        return True
    # Spoiled gradient echo also runs in a steady state; SP tells it apart (PS3.3 C.8.3.1.1.2).
    return "GR" in scanning and "SS" in variant and "SP" not in variant


def _has_velocity(header: Dataset, image_type: Set[str], name: str) -> bool:
    return (
        read.text(header, "PhaseContrast") == "YES"
        or bool(_VELOCITY_TYPES & image_type)
        or _VELOCITY_NAME.search(name) is not None
        or bool(_shared_group(header, "MRVelocityEncodingSequence"))
    )


def _is_tagged(header: Dataset, described: str) -> bool:
    tagging = read.text(header, "Tagging").upper()
    return tagging not in {"", "NONE"} or _TAGGING.search(described) is not None


def _map_role(header: Dataset, image_type: Set[str]) -> Role | None:
    joined = " ".join(sorted(image_type))
    if _T1_MAP.search(joined):
        return Role.T1_MAP
    if _T2_MAP.search(joined):
        return Role.T2_MAP
    mappings = read.items(header, "RealWorldValueMappingSequence") or _shared_group(
        header, "RealWorldValueMappingSequence"
    )
    for mapping in mappings:
        for quantity in read.items(mapping, "QuantityDefinitionSequence"):
            for concept in read.items(quantity, "ConceptCodeSequence"):
                role = _MAP_UNITS.get(read.text(concept, "CodeValue"))
                if role is not None:
                    return role
    return None


def _described_role(described: str) -> Role | None:
    for role, pattern in _DESCRIPTIONS:
        if pattern.search(described.replace("_", " ")):
            return role
    return None


def _shared_group(header: Dataset, keyword: str) -> list[Dataset]:
    for groups in read.items(header, "SharedFunctionalGroupsSequence"):
        return read.items(groups, keyword)
    return []
