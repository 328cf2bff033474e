"""Which study encoder, connector and decoder make up a network, by name, and how each is trained.

A recipe names three parts; a registry knows how to build them. Another part joins by a registry
that has one more entry; nothing else changes.

References
----------
MedM-VL, arXiv:2504.04323 (encoder, connector and language model chosen by name).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.language.adaptation import Adaptation, adapt
from worker.training.language.connector import ConnectorSettings, QueryConnector
from worker.training.language.decoder import DecoderSettings, LlamaDecoder
from worker.training.language.network import VisionLanguageNetwork
from worker.training.language.study_encoder import StudyEncoder, StudyEncoderSettings
from worker.training.language.view_encoder import ViewedEncoderSettings, ViewedStudyEncoder

Role = Literal["encoder", "connector", "decoder"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartChoice(_Strict):
    """One part of a recipe.

    ``weights`` is a file of `torch.save` (a state dictionary) to start from; ``rank`` counts under
    ``adaptation = "lora"`` only.
    """

    name: str
    settings: dict[str, Any] = {}
    weights: Path | None = None
    adaptation: Adaptation = "full"
    rank: int = Field(default=8, gt=0)


class NetworkChoice(_Strict):
    """The parts of a network and the token ids that mark images and texts."""

    encoder: PartChoice
    connector: PartChoice
    decoder: PartChoice
    image_marks: tuple[int, ...] = Field(min_length=1)
    text_marks: tuple[int, ...] = Field(min_length=1)
    n_features: int = Field(default=128, gt=0)


class TextNetwork(nn.Module):
    """A decoder alone: it reads evidence and questions, no images."""

    def __init__(self, decoder: LlamaDecoder) -> None:
        super().__init__()
        self.decoder = decoder


LanguageNetwork = TextNetwork | VisionLanguageNetwork


def _study_encoder(settings: Mapping[str, Any]) -> StudyEncoder:
    return StudyEncoder(StudyEncoderSettings.model_validate(settings))


def _viewed_encoder(settings: Mapping[str, Any]) -> ViewedStudyEncoder:
    return ViewedStudyEncoder(ViewedEncoderSettings.model_validate(settings))


def _query_connector(settings: Mapping[str, Any]) -> QueryConnector:
    return QueryConnector(ConnectorSettings.model_validate(settings))


def _llama(settings: Mapping[str, Any]) -> LlamaDecoder:
    return LlamaDecoder(DecoderSettings.model_validate(settings))


@dataclass(frozen=True, slots=True)
class PartRegistry:
    """Builders by name; the defaults are our own parts.

    A part is a module that is called as ours is: `StudyEncoder`, `QueryConnector`, `LlamaDecoder`.
    """

    encoders: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(
        default_factory=lambda: {"axial": _study_encoder, "axial_views": _viewed_encoder}
    )
    connectors: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(
        default_factory=lambda: {"query": _query_connector}
    )
    decoders: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(
        default_factory=lambda: {"llama": _llama}
    )

    def build(self, choice: NetworkChoice) -> VisionLanguageNetwork:
        """Build the network, load what weights there are and freeze what is not trained.

        Raises
        ------
        ConfigurationError
            ``SETTING_INVALID``: a part has an unknown name or settings it cannot use, its weights
            do not fit, or the widths of two parts differ.
        """
        encoder = self._part("encoder", choice.encoder)
        connector = self._part("connector", choice.connector)
        decoder = self._part("decoder", choice.decoder)
        for name, have, need in (
            ("connector.study_width", connector.settings.study_width, encoder.width),
            ("connector.decoder_width", connector.settings.decoder_width, decoder.width),
        ):
            if have != need:
                raise ConfigurationError(
                    Reason.SETTING_INVALID, f"{name} is {have}, must be {need}"
                )
        return VisionLanguageNetwork(
            encoder,
            connector,
            decoder,
            image_marks=choice.image_marks,
            text_marks=choice.text_marks,
            n_features=choice.n_features,
        )

    def build_text(self, decoder: PartChoice) -> TextNetwork:
        """Build a network without images; raises as `build` does."""
        return TextNetwork(self._part("decoder", decoder))

    def _part(self, role: Role, choice: PartChoice) -> Any:
        builders = {
            "encoder": self.encoders,
            "connector": self.connectors,
            "decoder": self.decoders,
        }[role]
        builder = builders.get(choice.name)
        if builder is None:
            raise ConfigurationError(
                Reason.SETTING_INVALID,
                f"{role}: no part {choice.name!r}; there is {', '.join(builders)}",
            )
        try:
            part = builder(choice.settings)
        except ValidationError as error:
            where = ".".join(str(key) for key in error.errors()[0]["loc"])
            raise ConfigurationError(Reason.SETTING_INVALID, f"{role}.settings.{where}") from error
        if choice.weights is not None:
            _load(part, choice.weights, role)
        adapt(part, choice.adaptation, choice.rank)
        return part


def _load(part: nn.Module, path: Path, role: Role) -> None:
    try:
        part.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(
            Reason.SETTING_INVALID, f"{role}.weights: {path.name} is missing or does not fit"
        ) from error
