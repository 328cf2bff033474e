"""Trains the vocabulary: byte-pair merges of characters over the report corpus.

Characters, not bytes, so that every token is readable text on its own and the rules of decoding can
read it. Digits stay single. A character that the corpus does not have is ``<unk>``.
"""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from worker.model.language.vocabulary import SPECIAL_TOKENS, UNKNOWN

DEFAULT_SIZE = 3000
_SPACE = "▁"
_EXTRA_LETTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    "äöüßÄÖÜéèêàçñøåæœ.,;:!?()[]{}<>/\\+-*=%&#@'\"_~^°²³µ±≤≥"
)


def train_tokenizer(texts: Iterable[str], size: int = DEFAULT_SIZE) -> str:
    """Train on texts and return the content of ``tokenizer.json``.

    Parameters
    ----------
    size
        Number of tokens, special ones included; a small corpus may give fewer.
    """
    pieces = Tokenizer(models.BPE(unk_token=UNKNOWN, fuse_unk=False))
    pieces.normalizer = normalizers.NFC()
    pieces.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), "isolated"),
            pre_tokenizers.Split(Regex(r"[^\w\s]"), "isolated"),
            pre_tokenizers.Metaspace(_SPACE, prepend_scheme="never"),
        ]
    )
    pieces.decoder = decoders.Metaspace(_SPACE, prepend_scheme="never")
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=[*_EXTRA_LETTERS, _SPACE],
        min_frequency=2,
        show_progress=False,
    )
    pieces.train_from_iterator(texts, trainer)
    return str(pieces.to_str())
