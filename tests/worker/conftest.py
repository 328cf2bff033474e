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


@pytest.fixture(scope="session")
def viewed_network(language_network):
    """Return the tiny network with an encoder that reads further views, rounded too."""
    from tests.worker.training.language.networks import with_views
    from worker.training.language.export import deployable

    return deployable(with_views(language_network), "float16")


@pytest.fixture(scope="session")
def viewed_folder(language_folder, viewed_network):
    """Return the folder of the same bundle with that encoder; only its graph differs."""
    from worker.bundle.manifest import Manifest
    from worker.bundle.verify import MANIFEST_NAME, list_files
    from worker.training.language.export import write_graphs

    folder = language_folder.with_name("with-views")
    shutil.copytree(language_folder, folder)
    role = "study_encoder"
    written = write_graphs(viewed_network, folder, roles=frozenset({role}))
    before = Manifest.model_validate_json((folder / MANIFEST_NAME).read_bytes())
    views = tuple(view.value for view in viewed_network.encoder.settings.views)
    changed = before.model_copy(
        update={
            "graphs": (*(one for one in before.graphs if one.role != role), *written.graphs),
            "golden": (*(one for one in before.golden if one.role != role), *written.golden),
            "language": before.language.model_copy(update={"views": views}),
            "files": list_files(folder),
        }
    )
    (folder / MANIFEST_NAME).write_text(changed.model_dump_json(indent=1), encoding="utf-8")
    return folder
