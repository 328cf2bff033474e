"""Studies and clinical text as vectors that the decoder reads before any word.

Runs the study encoder and the connector. How region features are measured is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plugin.domain.errors import ModelError, Reason
from worker.bundle import Bundle
from worker.model.golden import open_verified
from worker.model.language.decoder import Decoder, Float32Array
from worker.model.sessions import Device

Int64Array = npt.NDArray[np.int64]
NumpyArray = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class ViewFeatures:
    """Images beside the short-axis cine as the study encoder reads them; at least one.

    Attributes
    ----------
    regions
        float32 ``[image, region, feature]``; all features of a region that is not in an image are
        not-a-number.
    kind
        int64 ``[image]``: index among `worker.volume.views.FURTHER_ROLES`.
    phase_share
        float32 ``[image]``: time after R as a share of the R-R interval.
    position
        float32 ``[image, 3]``: middle of the ventricle that is seen, from the base in mm and as a
        share of the ventricle's length; cosine between the normals of image and short axis.
    """

    regions: Float32Array
    kind: Int64Array
    phase_share: Float32Array
    position: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class StudyFeatures:
    """One study as the study encoder reads it.

    Attributes
    ----------
    regions
        float32 ``[phase, slice, region, feature]``; all features of a region that is not in an
        image are not-a-number.
    phase_share
        float32 ``[phase]``: time after R as a share of the R-R interval.
    slice_position
        float32 ``[slice, 2]``: distance from the base in mm, and as a share of the ventricle's
        length.
    level
        int64 ``[slice]``: 0 outside, 1 basal, 2 mid, 3 apical.
    measurements
        float32 ``[measurement]`` in the order and units of the bundle, not-a-number where there is
        none.
    views
        Further images of the study, where the bundle reads any and the study has them.
    """

    regions: Float32Array
    phase_share: Float32Array
    slice_position: Float32Array
    level: Int64Array
    measurements: Float32Array
    views: ViewFeatures | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ImagePrefix:
    """What the decoder reads first.

    Attributes
    ----------
    embeds
        float32 ``[position, width]``: visual, segment and measurement tokens (those that were
        measured), then the image marks.
    n_marks
        How many positions at the end are marks; the decoder's hidden states there are the study's
        recognition features.
    attention
        float32 ``[query, phase, slice]``: where each visual and segment token looked; each sums to
        1 (to 0 without any region), less what it looked at in further views.
    """

    embeds: Float32Array
    n_marks: int
    attention: Float32Array


class StudyReader:
    """The ``study_encoder`` and ``connector`` graphs of a bundle.

    The study encoder of a bundle with further views takes their tensors as well; a study that has
    none is one masked image to it.

    Parameters
    ----------
    bundle
        A verified bundle with both graphs.
    decoder
        The decoder of the same bundle; it embeds the clinical text and the marks.
    device, threads
        As for `Decoder`.

    Raises
    ------
    ModelError
        A graph is missing, unusable, or fails its golden run.
    ConfigurationError
        The runtime or the device is missing.
    """

    def __init__(
        self, bundle: Bundle, decoder: Decoder, device: Device = "cpu", threads: int = 0
    ) -> None:
        self._encoder = open_verified(bundle, "study_encoder", device, threads)
        self._connector = open_verified(bundle, "connector", device, threads)
        language = bundle.manifest.language
        if language is None:
            raise ModelError(Reason.BUNDLE_INVALID, "a connector without its language section")
        self._decoder = decoder
        self._marks = decoder.embed(language.image_marks)
        self._maximum_text = language.maximum_text
        spec = bundle.manifest.graph("study_encoder")
        shapes = {one.name: one.shape for one in spec.inputs} if spec else {}
        self._view_shape = shapes.get("view_features")
        if bool(self._view_shape) != bool(language.views):
            raise ModelError(Reason.BUNDLE_INVALID, "views: manifest and study_encoder differ")

    def prefix(self, study: StudyFeatures, text_ids: Sequence[int] = ()) -> ImagePrefix:
        """Encode a study and what the referring physician wrote.

        Parameters
        ----------
        study
            The study.
        text_ids
            Tokens of the clinical text; only the first ``maximum_text`` are read.
        """
        n_phases, n_slices = study.regions.shape[:2]
        there = np.asarray(np.isfinite(study.regions).all(axis=-1))
        further, images = self._further(study.views)
        (study_tokens,) = self._encoder.run(
            {
                "features": np.where(there[..., None], study.regions, np.float32(0))[None],
                "region_mask": there[None].astype(np.int64),
                "phase_share": study.phase_share[None],
                "slice_position": study.slice_position[None],
                "level": study.level[None],
                **further,
            }
        )
        cells = np.concatenate((there.any(axis=-1).reshape(-1), images))
        words = list(text_ids[: self._maximum_text])
        measured = np.isfinite(study.measurements)
        tokens, attention = self._connector.run(
            {
                "study_tokens": study_tokens,
                "study_mask": cells[None].astype(np.int64),
                # the graph wants a word even where there is none; it is masked
                "text_embeds": self._decoder.embed(words or [0])[None],
                "text_mask": np.full((1, max(len(words), 1)), bool(words), dtype=np.int64),
                "measurement_values": np.where(measured, study.measurements, np.float32(0))[None],
                "measurement_mask": measured[None].astype(np.int64),
            }
        )
        n_queries = attention.shape[1]
        kept = np.concatenate((np.ones(n_queries, dtype=bool), measured))
        embeds = np.concatenate((tokens[0, kept], self._marks))
        looked_at = attention[0, :, : n_phases * n_slices].reshape(n_queries, n_phases, n_slices)
        return ImagePrefix(embeds, len(self._marks), looked_at)

    def _further(
        self, views: ViewFeatures | None
    ) -> tuple[dict[str, NumpyArray], npt.NDArray[np.bool_]]:
        """Return the tensors of further views, and which of their images there are."""
        if not self._view_shape:
            return {}, np.zeros(0, dtype=bool)
        if views is None:
            n_regions, n_features = (int(size) for size in self._view_shape[2:])
            # the graph wants an image even where there is none; it is masked
            views = ViewFeatures(
                regions=np.full((1, n_regions, n_features), np.nan, dtype=np.float32),
                kind=np.zeros(1, dtype=np.int64),
                phase_share=np.zeros(1, dtype=np.float32),
                position=np.zeros((1, 3), dtype=np.float32),
            )
        there = np.asarray(np.isfinite(views.regions).all(axis=-1))
        tensors: dict[str, NumpyArray] = {
            "view_features": np.where(there[..., None], views.regions, np.float32(0))[None],
            "view_mask": there[None].astype(np.int64),
            "view_kind": views.kind[None],
            "view_phase_share": views.phase_share[None],
            "view_position": views.position[None],
        }
        return tensors, np.asarray(there.any(axis=-1))
