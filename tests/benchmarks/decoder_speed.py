"""Tokens per second of the ONNX decoder beside transformers' eager Llama with the same weights.

    python -m tests.benchmarks.decoder_speed [--tokens 128] [--prompt 200] [--runs 5] [--threads 1]

Draws a decoder of the default size, exports it as a bundle, gives its weights to
``LlamaForCausalLM`` (attention ``eager``, float32), and lets both continue the same prompt
greedily, taking turns in one process. Theirs is driven by a bare loop with its own cache, which is
faster than its ``generate``. Prints the median and range of tokens per second for the new tokens
and for reading the prompt, and the ratio of the medians. Exits non-zero when the tokens differ.
Needs the extras train and cpu.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from worker.bundle import find_bundle, load_bundle
from worker.model.language.decoder import Decoder
from worker.model.language.generation import generate
from worker.training.language.decoder import DecoderSettings, LlamaDecoder
from worker.training.language.export import add_language, deployable
from worker.training.language.layers import NORM_EPSILON
from worker.training.language.parts import NetworkChoice, PartRegistry

VOCABULARY = 3072


class Run(NamedTuple):
    """One continuation and how long it took."""

    ids: tuple[int, ...]
    prompt_seconds: float
    token_seconds: float


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompt", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    prompt = np.random.default_rng(0).integers(VOCABULARY, size=arguments.prompt).tolist()
    with tempfile.TemporaryDirectory(prefix="cmr-decoder-") as folder:
        ours, theirs = both(Path(folder), arguments.threads)
        runs = {"ONNX decoder": [], "transformers eager": []}
        for _ in range(arguments.runs + 1):
            runs["ONNX decoder"].append(run_ours(ours, prompt, arguments.tokens))
            runs["transformers eager"].append(run_theirs(theirs, prompt, arguments.tokens))
    return report({name: found[1:] for name, found in runs.items()}, arguments)


def both(folder: Path, threads: int) -> tuple[Decoder, LlamaForCausalLM]:
    """Make the runtime's decoder and transformers' model of the same weights."""
    torch.manual_seed(0)
    network = deployable(PartRegistry().build(choice()), "float16")
    bundle = folder / "bundle"
    shutil.copytree(find_bundle(None), bundle)
    add_language(network, bundle)
    n_parameters = sum(p.numel() for p in network.decoder.parameters())
    print(f"decoder of {n_parameters / 1e6:.1f} million parameters")
    return Decoder(load_bundle(bundle), threads=threads), as_llama(network.decoder)


def choice() -> NetworkChoice:
    """Choose a decoder of the default size; the rest hardly matters here."""
    decoder = DecoderSettings(vocabulary=VOCABULARY)
    small = {"width": 16, "n_layers": 1, "n_heads": 2, "feed_forward": 16}
    return NetworkChoice.model_validate(
        {
            "encoder": {"name": "axial", "settings": {"n_regions": 1, "n_features": 2, **small}},
            "connector": {
                "name": "query",
                "settings": {
                    "study_width": 16,
                    "decoder_width": decoder.width,
                    **small,
                    "measurements": [{"key": "lv_ejection_fraction", "typical": 60}],
                },
            },
            "decoder": {"name": "llama", "settings": decoder.model_dump()},
            "image_marks": [1],
            "text_marks": [2],
        }
    )


def as_llama(decoder: LlamaDecoder) -> LlamaForCausalLM:
    """Return transformers' model with our weights."""
    s = decoder.settings
    config = LlamaConfig(
        vocab_size=s.vocabulary,
        hidden_size=s.width,
        num_hidden_layers=s.n_layers,
        num_attention_heads=s.n_heads,
        num_key_value_heads=s.n_kv_heads,
        intermediate_size=s.feed_forward,
        rms_norm_eps=NORM_EPSILON,
        max_position_embeddings=s.context_length,
        tie_word_embeddings=True,
        attn_implementation="eager",
    )
    llama = LlamaForCausalLM(config).eval()
    llama.load_state_dict(decoder.llama_state())
    return llama


def run_ours(decoder: Decoder, prompt: list[int], n_tokens: int) -> Run:
    """Continue with the ONNX decoder."""
    started = time.perf_counter()
    reading = decoder.read(decoder.embed(prompt))
    read = time.perf_counter()
    ids = generate(decoder, reading, stop_ids=(), budget=n_tokens).ids
    return Run(ids, read - started, time.perf_counter() - read)


@torch.inference_mode()
def run_theirs(llama: LlamaForCausalLM, prompt: list[int], n_tokens: int) -> Run:
    """Continue with transformers."""
    started = time.perf_counter()
    answer = llama(input_ids=torch.tensor([prompt]), use_cache=True)
    read = time.perf_counter()
    ids = [int(answer.logits[0, -1].argmax())]
    while len(ids) < n_tokens:
        answer = llama(
            input_ids=torch.tensor([ids[-1:]]),
            past_key_values=answer.past_key_values,
            use_cache=True,
        )
        ids.append(int(answer.logits[0, -1].argmax()))
    return Run(tuple(ids), read - started, time.perf_counter() - read)


def report(runs: dict[str, list[Run]], arguments: argparse.Namespace) -> int:
    """Print the table; return 1 when the two did not say the same."""
    print(f"{arguments.runs} runs each, {arguments.threads} thread(s), median (lowest to highest)")
    rates: dict[str, list[float]] = {}
    for name, found in runs.items():
        new = sorted((arguments.tokens - 1) / run.token_seconds for run in found)
        read = sorted(arguments.prompt / run.prompt_seconds for run in found)
        rates[name] = new
        print(
            f"  {name:20s} {median(new):7.0f} tokens/s ({new[0]:.0f} to {new[-1]:.0f}), "
            f"prompt {median(read):7.0f} tokens/s ({read[0]:.0f} to {read[-1]:.0f})"
        )
    ratio = median(rates["ONNX decoder"]) / median(rates["transformers eager"])
    answers = {run.ids for found in runs.values() for run in found}
    same = "the same tokens" if len(answers) == 1 else "DIFFERENT tokens"
    print(f"  ratio {ratio:.2f}, {same} in all runs")
    return 0 if len(answers) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
