"""What a bundle says about itself (``manifest.json``): identity, terms, graphs, files.

Only the form is checked here; whether the files are what the manifest says is `verify`'s.
"""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from plugin.domain.licences import permitted_use

SCHEMA_VERSION = 1
ViewKind = Literal["two_chamber_cine", "three_chamber_cine", "four_chamber_cine", "lge"]
GraphRole = Literal[
    "segmentation",
    "study_encoder",
    "connector",
    "embed_tokens",
    "decoder",
    "image_heads",
    "text_heads",
]


def _plain_relative_path(value: str) -> str:
    path = PurePosixPath(value)
    unusual = "\\" in value or ":" in value or "\0" in value or str(path) != value
    if path.is_absolute() or unusual or not path.parts or ".." in path.parts:
        msg = "not a plain relative path inside the bundle"
        raise ValueError(msg)
    return value


BundlePath = Annotated[str, AfterValidator(_plain_relative_path)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FileEntry(_Strict):
    """A file of the bundle and what its bytes hash to."""

    path: BundlePath
    sha256: Sha256
    n_bytes: int = Field(ge=0)


class TensorSpec(_Strict):
    """A named input or output; a dimension is a number or the name of a free one."""

    name: str
    dtype: Literal["float32", "float16", "int64"]
    shape: tuple[int | str, ...]


class GraphSpec(_Strict):
    """One ONNX graph; tensor data outside the file only in the listed plain files."""

    role: GraphRole
    file: BundlePath
    opset: int
    precision: Literal["float32", "float16", "int8"]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    external_data: tuple[BundlePath, ...] = ()


class ImageSpec(_Strict):
    """How images become network input.

    Attributes
    ----------
    view_mm
        Side of the views it learnt from.
    phases
        1: a phase alone. 2: the phase, then the opposite one, each with its neighbouring slices.
    propagates
        After the images come the labels of a neighbouring slice.
    turns_degrees
        How views near end-diastole and end-systole are turned for further looks.
    """

    kind: Literal["short_axis_cine"]
    spacing_mm: float = Field(gt=0)
    view_mm: float = Field(gt=0)
    neighbouring_slices: Literal[3]
    phases: Literal[1, 2] = 1
    propagates: bool = False
    turns_degrees: tuple[float, ...] = ()
    multiple_of: int = Field(gt=0)
    intensity: Literal["percentile_1_99_clip_1.5"]


class GoldenSpec(_Strict):
    """An input and the output it must give, as ``.npz`` with the graph's tensor names as keys."""

    role: GraphRole
    file: BundlePath
    minimum_cosine: float = Field(gt=0, le=1)


class LanguageSpec(_Strict):
    """What a runtime must know about the language graphs beyond their tensors.

    Attributes
    ----------
    family
        How the decoder is called: position ids count what was read, one causal mask, a cache of
        ``past_key_values.N.key`` and ``.value`` that comes back as ``present.N``.
    context_length
        The most tokens that it was trained to read.
    image_marks, text_marks
        Token ids after the tokens of an image and of a text, whose hidden states are its features.
    measurements
        Keys of the measurements that become tokens, in order, in the unit of the key.
    maximum_text
        The most tokens of clinical text that the connector reads.
    words_from_images
        Whether the decoder learnt to write behind the connector's tokens; if not, only recognition
        reads them.
    views
        Further views that the study encoder learnt to read beside the short-axis cine. A manifest
        without any does not name them, so that earlier versions read it.
    """

    family: Literal["llama"]
    context_length: int = Field(gt=0)
    image_marks: tuple[int, ...]
    text_marks: tuple[int, ...]
    measurements: tuple[str, ...]
    maximum_text: int = Field(gt=0)
    words_from_images: bool = True
    views: tuple[ViewKind, ...] = ()

    @model_serializer(mode="wrap")
    def _without_no_views(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = serialise(self)
        return {key: value for key, value in said.items() if key != "views" or value}


class EvaluationRow(_Strict):
    """One measured figure, with its 95 % interval where it has one."""

    measure: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""


class Evaluation(_Strict):
    """How well the bundle did, on whom, measured with which command."""

    data: str
    n_patients: int
    command: str
    rows: tuple[EvaluationRow, ...]


class Manifest(_Strict):
    """The whole manifest."""

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    licence: str
    clinical_use: Literal["not_for_diagnosis"]
    intended_use: str
    known_limits: str | None = None
    training_data: str
    training_command: str
    citations: tuple[str, ...]
    papillary_muscles: Literal["in_cavity"]
    classes: tuple[str, ...]
    image: ImageSpec
    graphs: tuple[GraphSpec, ...] = Field(min_length=1)
    golden: tuple[GoldenSpec, ...] = Field(min_length=1)
    language: LanguageSpec | None = None
    evaluation: Evaluation | None = None
    files: tuple[FileEntry, ...]

    @property
    def terms(self) -> str:
        """Name, version and terms in one line, as every start says it."""
        allowed = permitted_use(self.licence)
        return f"{self.name} {self.version}: {self.licence}, {allowed}; not for diagnosis"

    def graph(self, role: str) -> GraphSpec | None:
        """Return the graph with this role, if there is one."""
        return next((graph for graph in self.graphs if graph.role == role), None)
