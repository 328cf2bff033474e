"""Fixtures of more than one package: a bundle with tiny untrained language graphs."""

import shutil

import pytest


@pytest.fixture(scope="session")
def language_network():
    """Return the tiny network, its weights rounded as the bundle stores them."""
    pytest.importorskip("torch", reason="needs the extra train")
    from tests.worker.training.language.networks import tiny_network
    from worker.training.language.export import deployable

    return deployable(tiny_network(), "float16")


@pytest.fixture(scope="session")
def language_folder(language_network, tmp_path_factory):
    """Return the folder of a bundle with the language graphs; tests do not change it.

    As its releases grow: words first (``words`` beside it), then recognition behind the same
    decoder.
    """
    from worker.bundle import find_bundle
    from worker.training.language.export import add_language, add_recognition
    from worker.training.language.parts import TextNetwork

    folder = tmp_path_factory.mktemp("bundles") / "with-language"
    words = folder.with_name("words")
    shutil.copytree(find_bundle(None), words)
    add_language(TextNetwork(language_network.decoder), words, tokenizer="{}")
    shutil.copytree(words, folder)
    add_recognition(language_network, folder, tokenizer="{}")
    return folder
