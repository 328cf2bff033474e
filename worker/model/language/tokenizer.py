"""Text to token ids and back, with a vocabulary of characters and pieces (BPE).

Two ways in: text of this project, in which ``[E3]`` is a slot, and text from outside (questions,
clinical history), in which nothing is more than its letters; so no history can name a slot or end a
prompt.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer as Pieces

from worker.model.language.vocabulary import END, IMAGE_MARKS, SPECIAL_TOKENS, TEXT_MARKS

FILE_NAME = "tokenizer.json"
BUNDLE_FILE = f"tokenizer/{FILE_NAME}"
"""Where a bundle keeps its vocabulary."""


class Tokenizer:
    """A trained vocabulary.

    Parameters
    ----------
    definition
        Content of ``tokenizer.json``.

    Raises
    ------
    ValueError
        If it is no vocabulary, or its special tokens are not those of ``vocabulary``, in that
        order.
    """

    def __init__(self, definition: str) -> None:
        try:
            self._trusted = Pieces.from_str(definition)
            self._untrusted = Pieces.from_str(definition)
        except Exception as error:  # the library raises no other class
            msg = "not a tokenizer definition"
            raise ValueError(msg) from error
        self._untrusted.encode_special_tokens = True
        found = tuple(self._trusted.id_to_token(i) for i in range(len(SPECIAL_TOKENS)))
        if found != SPECIAL_TOKENS:
            msg = "the tokenizer has other special tokens than this version"
            raise ValueError(msg)

    @classmethod
    def from_file(cls, path: Path) -> "Tokenizer":
        """Read ``tokenizer.json``."""
        return cls(path.read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return int(self._trusted.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Ids of a text of this project; its slots and marks become single tokens."""
        return list(self._trusted.encode(text, add_special_tokens=False).ids)

    def encode_untrusted(self, text: str) -> list[int]:
        """Ids of a text from outside; what looks like a special token is only letters."""
        return list(self._untrusted.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, slots included."""
        return str(self._trusted.decode(list(ids), skip_special_tokens=False))

    def id_of(self, token: str) -> int:
        """Return the id of a special token.

        Raises
        ------
        KeyError
            If there is no such token.
        """
        found = self._trusted.token_to_id(token)
        if found is None:
            raise KeyError(token)
        return int(found)

    @property
    def end_id(self) -> int:
        """Id of the token that ends an answer."""
        return self.id_of(END)

    @property
    def image_mark_ids(self) -> tuple[int, ...]:
        """Ids of ``<ImgCls>``."""
        return tuple(self._ids(IMAGE_MARKS))

    @property
    def text_mark_ids(self) -> tuple[int, ...]:
        """Ids of ``<TxtCls>``."""
        return tuple(self._ids(TEXT_MARKS))

    def _ids(self, tokens: Iterable[str]) -> Iterable[int]:
        return (self.id_of(token) for token in tokens)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """What each token writes, by id; empty for special tokens, slots included."""
        n_special = len(SPECIAL_TOKENS)
        words = (self.decode([token]) for token in range(n_special, len(self)))
        return (*("" for _ in range(n_special)), *words)
