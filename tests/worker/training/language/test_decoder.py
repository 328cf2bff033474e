import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from tests.worker.training.language.networks import VOCABULARY, tiny_decoder  # noqa: E402
from worker.training.language.decoder import (  # noqa: E402
    DecoderSettings,
    GroupedQueryAttention,
    rotate,
)

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def decoder():
    return tiny_decoder()


@torch.inference_mode()
def read(decoder, ids, mask=None):
    mask = torch.ones_like(ids) if mask is None else mask
    return decoder.read(decoder.embed_tokens(ids), mask)


def drawn_ids(n_batch, n_tokens):
    return torch.randint(
        VOCABULARY, (n_batch, n_tokens), generator=torch.Generator().manual_seed(1)
    )


def test_rotation_turns_pairs_of_a_head_by_position_times_frequency():
    heads = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    angles = np.array([0.3, 1.1])
    turned = rotate(heads, torch.tensor(np.cos(angles)), torch.tensor(np.sin(angles)))
    for pair, angle in ((0, angles[0]), (1, angles[1])):
        before = complex(heads[0, 0, 0, pair], heads[0, 0, 0, pair + 2])
        after = complex(turned[0, 0, 0, pair], turned[0, 0, 0, pair + 2])
        assert after == pytest.approx(before * np.exp(1j * angle), abs=1e-6)


def plain_attention(x, attention):
    """Grouped-query attention of one sequence, head by head and position by position."""
    width, n_heads, n_kv = attention.head_width, attention.n_heads, attention.n_kv_heads
    rows = (x @ attention.qkv_proj.weight.detach().numpy().T).reshape(len(x), -1, width)
    frequencies = 10_000.0 ** (-np.arange(0, width, 2) / width)

    def turned(vector, position):
        pairs = (vector[: width // 2] + 1j * vector[width // 2 :]) * np.exp(
            1j * position * frequencies
        )
        return np.concatenate((pairs.real, pairs.imag))

    out = np.zeros((len(x), n_heads, width))
    for head in range(n_heads):
        key_head = head // (n_heads // n_kv)
        for i in range(len(x)):
            query = turned(rows[i, head], i)
            scores = np.array(
                [query @ turned(rows[j, n_heads + key_head], j) for j in range(i + 1)]
            )
            p = np.exp(scores / np.sqrt(width))
            p /= p.sum()
            out[i, head] = sum(p[j] * rows[j, n_heads + n_kv + key_head] for j in range(i + 1))
    return out.reshape(len(x), -1) @ attention.o_proj.weight.detach().numpy().T


@pytest.mark.parametrize(("n_heads", "n_kv_heads"), [(4, 4), (4, 2), (4, 1)])
def test_attention_is_that_of_a_plain_loop(n_heads, n_kv_heads):
    decoder = tiny_decoder(n_heads=n_heads, n_kv_heads=n_kv_heads)
    attention: GroupedQueryAttention = decoder.layers[0].self_attn
    x = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(2))
    angles = torch.arange(5)[:, None] * decoder.inverse_wavelengths
    rotation = angles.cos()[None, None], angles.sin()[None, None]
    bias = torch.full((5, 5), -torch.inf).triu(1)[None, None, None]
    with torch.inference_mode():
        out, _ = attention(x, rotation, bias, decoder.empty_past(1)[0])
    assert np.allclose(out[0].numpy(), plain_attention(x[0].numpy(), attention), atol=1e-4)


def test_decoder_is_the_llama_of_transformers(decoder):
    transformers = pytest.importorskip("transformers", reason="needs the extra train")
    settings = decoder.settings
    config = transformers.LlamaConfig(
        vocab_size=settings.vocabulary,
        hidden_size=settings.width,
        num_hidden_layers=settings.n_layers,
        num_attention_heads=settings.n_heads,
        num_key_value_heads=settings.n_kv_heads,
        intermediate_size=settings.feed_forward,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        attn_implementation="eager",
    )
    llama = transformers.LlamaForCausalLM(config).eval()
    llama.load_state_dict(decoder.llama_state())
    ids, mask = drawn_ids(2, 9), torch.ones(2, 9, dtype=torch.int64)
    mask[1, 6:] = 0
    with torch.inference_mode():
        theirs = llama(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    ours = read(decoder, ids, mask)
    there = mask.bool()
    assert torch.allclose(ours.logits[there], theirs.logits[there], atol=1e-3)
    assert torch.allclose(ours.hidden[there], theirs.hidden_states[-2][there], atol=1e-4)


@pytest.mark.parametrize(("hidden", "n_passed"), [("middle", 2), ("penultimate", 3), ("last", 4)])
def test_hidden_state_is_taken_where_the_settings_say(hidden, n_passed):
    decoder = tiny_decoder(n_layers=4, hidden=hidden)
    ids, mask = drawn_ids(2, 6), torch.ones(2, 6, dtype=torch.int64)
    mask[1, 4:] = 0
    entered = []
    for block in decoder.layers:
        block.register_forward_hook(lambda _, given, gives: entered.extend((given[0], gives[0])))
    with torch.inference_mode():
        embeds = decoder.embed_tokens(ids)
        whole = decoder.read(embeds, mask)
        states = [entered[0], *entered[1::2]]
        entered.clear()
        alone = decoder.read_hidden(embeds, mask)
    assert torch.equal(whole.hidden, states[n_passed])
    assert torch.equal(alone, whole.hidden)
    assert len(entered) == 2 * n_passed
    assert torch.equal(whole.logits, decoder.scores(states[-1]))


@pytest.mark.parametrize("steps", [(1,) * 7, (3, 4), (6, 1)])
def test_decoder_in_steps_gives_what_it_gives_at_once(decoder, steps):
    ids = drawn_ids(2, 7)
    past, logits, start = decoder.empty_past(2), [], 0
    for n in steps:
        here = torch.arange(start, start + n).expand(2, -1)
        with torch.inference_mode():
            embeds = decoder.embed_tokens(ids[:, start : start + n])
            decoded = decoder(embeds, torch.ones(2, start + n, dtype=torch.int64), here, past)
        past, start = decoded.present, start + n
        logits.append(decoded.logits)
    assert torch.allclose(torch.cat(logits, dim=1), read(decoder, ids).logits, atol=1e-4)


def test_decoder_sees_nothing_that_comes_later(decoder):
    ids = drawn_ids(1, 6)
    changed = ids.clone()
    changed[0, 4:] = (changed[0, 4:] + 1) % VOCABULARY
    before, after = read(decoder, ids).logits, read(decoder, changed).logits
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.parametrize("padded_at", [0, 2, 5])
def test_padding_anywhere_changes_nothing(decoder, padded_at):
    ids = drawn_ids(1, 5)
    padding = torch.full((1, 2), 9)
    padded = torch.cat((ids[:, :padded_at], padding, ids[:, padded_at:]), dim=1)
    mask = torch.ones_like(padded)
    mask[:, padded_at : padded_at + 2] = 0
    found = read(decoder, padded, mask).logits[mask.bool()]
    assert torch.allclose(found, read(decoder, ids).logits[0], atol=1e-4)


@pytest.mark.parametrize("sizes", [{"n_heads": 3}, {"n_heads": 4, "n_kv_heads": 3}])
def test_heads_that_do_not_fit_are_refused(sizes):
    with pytest.raises(ValueError, match="multiple"):
        DecoderSettings(vocabulary=9, width=32, **sizes)
