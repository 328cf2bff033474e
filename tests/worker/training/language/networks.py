"""Tiny networks and studies for tests: every part there, seconds to run."""

import torch

from worker.training.language.decoder import DecoderSettings, LlamaDecoder
from worker.training.language.network import StudyTensors, VisionLanguageNetwork
from worker.training.language.parts import NetworkChoice, PartRegistry
from worker.training.language.view_encoder import ViewTensors

N_PHASES, N_SLICES, N_REGIONS, N_FEATURES = 3, 4, 2, 5
VOCABULARY = 50
IMAGE_MARKS, TEXT_MARKS = (1, 2), (3, 4)


def tiny_decoder(seed=0, **sizes):
    """Make a decoder whose weights are large enough that answers differ."""
    torch.manual_seed(seed)
    defaults = {"width": 32, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "feed_forward": 48}
    settings = DecoderSettings(**{"vocabulary": VOCABULARY, **defaults, **sizes})
    decoder = LlamaDecoder(settings).eval()
    enlarge(decoder.layers)
    return decoder


def tiny_choice(**parts):
    """Name the parts of a tiny network; a keyword adds to one part's choice."""
    small = {"width": 16, "n_layers": 1, "n_heads": 2, "feed_forward": 16}
    choice = {
        "encoder": {
            "name": "axial",
            "settings": {"n_regions": N_REGIONS, "n_features": N_FEATURES, **small},
        },
        "connector": {
            "name": "query",
            "settings": {
                "study_width": 16,
                "decoder_width": 32,
                **small,
                "n_visual": 4,
                "n_segments": 2,
                "maximum_text": 6,
                "measurements": [
                    {"key": "lv_ejection_fraction", "typical": 60},
                    {"key": "lv_end_diastolic_volume", "typical": 150},
                ],
            },
        },
        "decoder": {
            "name": "llama",
            "settings": {
                "vocabulary": VOCABULARY,
                "width": 32,
                "n_layers": 2,
                "n_heads": 4,
                "n_kv_heads": 2,
                "feed_forward": 48,
                "context_length": 40,
            },
        },
        "image_marks": IMAGE_MARKS,
        "text_marks": TEXT_MARKS,
        "n_features": 8,
    }
    for role, more in parts.items():
        choice[role] = {**choice[role], **more}
    return NetworkChoice.model_validate(choice)


def tiny_network(seed=0):
    """Build a tiny network with its text gates open."""
    torch.manual_seed(seed)
    network: VisionLanguageNetwork = PartRegistry().build(tiny_choice()).eval()
    enlarge(network.decoder.layers)
    for layer in network.connector.layers:
        layer.text_gate.data.fill_(1.0)
    return network


def with_views(network, views=("two_chamber_cine", "lge"), seed=3):
    """Build the same network with an encoder that reads further views besides."""
    torch.manual_seed(seed)
    sizes = network.encoder.settings.model_dump()
    encoder = {"name": "axial_views", "settings": {**sizes, "views": views}}
    viewed: VisionLanguageNetwork = PartRegistry().build(tiny_choice(encoder=encoder)).eval()
    viewed.encoder.short_axis.load_state_dict(network.encoder.state_dict())
    for part in ("connector", "decoder", "image_heads", "text_heads"):
        getattr(viewed, part).load_state_dict(getattr(network, part).state_dict())
    return viewed


def tiny_views(n=2, n_images=3, seed=1, kind=3):
    """Draw further images of one kind (late enhancement) with nothing missing."""
    draw = torch.Generator().manual_seed(seed)
    shape = (n, n_images, N_REGIONS)
    return ViewTensors(
        features=torch.randn(*shape, N_FEATURES, generator=draw),
        region_mask=torch.ones(shape, dtype=torch.int64),
        kind=torch.full((n, n_images), kind),
        phase_share=torch.full((n, n_images), 0.7),
        position=torch.rand(n, n_images, 3, generator=draw) * torch.tensor((80.0, 1.0, 1.0)),
    )


def enlarge(module, factor=16.0):
    """Make freshly drawn matrices larger, so that what was read decides what comes next."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            parameter.data.mul_(factor)


def tiny_studies(n=2, seed=0):
    """Draw studies with nothing missing."""
    draw = torch.Generator().manual_seed(seed)
    shape = (n, N_PHASES, N_SLICES, N_REGIONS)
    position = torch.rand(n, N_SLICES, 2, generator=draw) * torch.tensor((80.0, 1.0))
    return StudyTensors(
        features=torch.randn(*shape, N_FEATURES, generator=draw),
        region_mask=torch.ones(shape, dtype=torch.int64),
        phase_share=torch.linspace(0, 0.9, N_PHASES).expand(n, -1),
        slice_position=position,
        level=torch.arange(N_SLICES).expand(n, -1),
        measurement_values=torch.rand(n, 2, generator=draw) * torch.tensor((60.0, 150.0)),
        measurement_mask=torch.ones(n, 2, dtype=torch.int64),
        text_ids=torch.randint(5, VOCABULARY, (n, 4), generator=draw),
        text_mask=torch.ones(n, 4, dtype=torch.int64),
    )
