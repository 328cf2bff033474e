"""Each switch of a trial's network changes what it says, and nothing else does."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.networks import (  # noqa: E402
    N_FEATURES,
    N_REGIONS,
    tiny_decoder,
)
from tests.worker.training.language.test_alignment_stage import study  # noqa: E402
from tests.worker.words import tokenizer  # noqa: E402
from worker.training.language.alignment_stage import AlignmentOptions, tensors_of  # noqa: E402
from worker.training.language.recognition_network import (  # noqa: E402
    SHIPPED_KIND,
    NetworkKind,
    evaluation_network,
)
from worker.training.language.study_data import MEASUREMENTS  # noqa: E402

pytestmark = pytest.mark.train


def network(kind=SHIPPED_KIND, reader=None):
    torch.manual_seed(0)
    built = evaluation_network(tokenizer(), N_FEATURES, N_REGIONS, kind, reader).eval()
    for layer in built.connector.layers:
        layer.text_gate.data.fill_(1.0)
    return built


def read(text=(5, 6, 7)):
    """Make tensors of one study with all measurements and its clinical text."""
    one = study(0, "DCM")
    measured = np.full(len(MEASUREMENTS), 50.0, np.float32)
    one = replace(one, features=replace(one.features, measurements=measured))
    return tensors_of([one], [text], AlignmentOptions(text="own"))


def features(of, text=(5, 6, 7)):
    """Return what a network makes of that study."""
    with torch.inference_mode():
        return of.image_features(read(text)).whole


def test_shipped_kind_reads_four_marks_of_the_vocabulary():
    shipped = network()
    assert tuple(shipped.image_marks.tolist()) == tokenizer().image_mark_ids
    assert tuple(shipped.text_marks.tolist()) == tokenizer().text_mark_ids
    assert shipped.decoder.settings.hidden == "penultimate"
    assert all(one.requires_grad for one in shipped.parameters())


@pytest.mark.parametrize("hidden", ["middle", "last"])
def test_layer_changes_what_is_recognised_from_the_same_weights(hidden):
    shipped, other = network(), network(NetworkKind(hidden=hidden))
    other.load_state_dict(shipped.state_dict())
    assert not torch.allclose(features(shipped), features(other), atol=1e-3)


@pytest.mark.parametrize("n_marks", [1, 8])
def test_number_of_marks_changes_how_a_study_ends(n_marks):
    other = network(NetworkKind(n_marks=n_marks))
    marks = {*other.image_marks.tolist(), *other.text_marks.tolist()}
    assert len(marks) == 2 * n_marks
    n_own = 2 * min(n_marks, len(tokenizer().image_mark_ids))
    assert sum(mark < len(tokenizer()) for mark in marks) == n_own
    assert max(marks) < other.decoder.settings.vocabulary
    n_tokens, n_fewer = (one.prefix(read()).mask.shape[1] for one in (other, network()))
    assert n_tokens - n_fewer == n_marks - len(tokenizer().image_mark_ids)


def test_text_reaches_the_features_by_cross_attention_alone():
    with_it, without = network(), network(NetworkKind(cross_attention=False))
    without.load_state_dict(with_it.state_dict())
    assert not torch.allclose(features(with_it), features(with_it, (9, 8)), atol=1e-4)
    assert torch.equal(features(without), features(without, (9, 8)))
    assert torch.equal(features(without), features(with_it, ()))


def test_frozen_decoder_learns_nothing_but_the_rest_does():
    frozen = network(NetworkKind(frozen=True))
    assert not any(one.requires_grad for one in frozen.decoder.parameters())
    rest = [one for name, one in frozen.named_parameters() if not name.startswith("decoder.")]
    assert rest
    assert all(one.requires_grad for one in rest)


def test_decoder_that_has_read_keeps_its_sizes_and_weights():
    reader = tiny_decoder(vocabulary=len(tokenizer()))
    begun = network(NetworkKind(read=True), reader)
    assert begun.decoder.width == begun.connector.settings.decoder_width == reader.width
    for name, weight in reader.state_dict().items():
        assert torch.equal(begun.decoder.state_dict()[name], weight)
    with pytest.raises(ValueError, match="has read"):
        network(NetworkKind(read=True))
