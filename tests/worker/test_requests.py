"""What a worker does when it is asked, and the bundle that it takes for the next job."""

import zipfile
from types import SimpleNamespace

import pytest

from plugin.domain.errors import ConfigurationError, ModelError, Reason
from plugin.domain.job import JobState
from plugin.domain.request import RequestKind, RequestState
from plugin.registry import Registry
from plugin.settings import Settings, WorkerSettings
from plugin.spool import Spool
from tests.generated import small_cine, write_small_study
from tests.worker.bundle.small_bundle import write_small_bundle
from tests.worker.test_tasks import receive
from worker import tasks
from worker.bundle import load_bundle
from worker.requests import make_desk, note_bundle, remove_bundle
from worker.tasks import Workplace


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_small_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def settings(tmp_path):
    return Settings(
        spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0},
        operation={"mode": "live"},
        worker={"language_model": False, "threads": 1},
    )


@pytest.fixture
def spool(settings):
    return Spool(settings.spool.folder)


@pytest.fixture
def registry(settings, spool):
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        yield registry


@pytest.fixture
def ask(settings, registry, spool):
    """Ask as a page does and serve once as a worker does."""
    desk = make_desk(settings, registry, spool, "host:1", dict)

    def asked(kind, **about):
        request = registry.requests.ask(kind, about, "anna", "it")
        assert desk.tick()
        return registry.requests.get(request.id)

    return asked


def test_look_says_roles_and_the_stack_and_changes_nothing(ask, registry, images):
    job = receive(registry, images)
    answered = ask(RequestKind.LOOK_AT_STUDY, study_id=job.study_id)
    answer = answered.answer
    assert answered.state is RequestState.DONE, answer
    assert answer["is_analysable"]
    assert answer["n_phases"] == 16
    assert answer["n_slices"] == small_cine().labels.shape[1]
    assert "short_axis_cine" in {one["role"] for one in answer["series"]}
    assert registry.jobs.get(job.id).state is JobState.QUEUED


def test_look_says_why_a_study_would_not_be_analysed(ask, registry, images):
    job = receive(registry, images[:3])
    answer = ask(RequestKind.LOOK_AT_STUDY, study_id=job.study_id).answer
    assert not answer["is_analysable"]
    assert answer["reason"] in set(Reason)
    assert answer["sentence"]


def zipped(spool, paths):
    with spool.new_upload() as (name, file), zipfile.ZipFile(file, "w") as archive:
        for path in paths:
            archive.write(path, f"study/{path.name}")
    return name


def test_uploaded_images_are_looked_at_and_deleted(ask, registry, spool, images):
    answered = ask(RequestKind.LOOK_AT_UPLOAD, upload=zipped(spool, images))
    assert answered.state is RequestState.DONE, answered
    assert (answered.answer["is_analysable"], answered.answer["n_phases"]) == (True, 16)
    left = [path.name for path in spool.bundles.rglob("*") if path.is_file()]
    assert left == [".lock"]
    assert registry.studies.list() == []


def test_upload_without_images_says_so_and_one_that_is_no_archive_is_refused(ask, spool, tmp_path):
    (tmp_path / "readme.txt").write_text("no image")
    answer = ask(RequestKind.LOOK_AT_UPLOAD, upload=zipped(spool, [tmp_path / "readme.txt"])).answer
    assert (answer["is_analysable"], answer["reason"]) == (False, Reason.NO_READABLE_INSTANCE)
    with spool.new_upload() as (name, file):
        file.write(b"no zip")
    assert ask(RequestKind.LOOK_AT_UPLOAD, upload=name).reason is Reason.ARCHIVE_UNUSABLE
    assert list(spool.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("study_id", "reason"), [(99, Reason.NOT_FOUND), (1, Reason.IMAGES_DELETED)]
)
def test_look_at_what_is_gone_is_refused(ask, registry, tmp_path, study_id, reason):
    gone = tmp_path / "gone.dcm"
    gone.write_bytes(b"x")
    receive(registry, [gone])
    gone.unlink()
    assert ask(RequestKind.LOOK_AT_STUDY, study_id=study_id).reason is reason


def test_result_is_withdrawn_in_the_name_of_who_asked(ask, monkeypatch):
    """That withdrawing does what it must is tested with the tasks."""
    done = []

    def withdraw(_registry, _spool, *about):
        done.append(about[:3])
        return SimpleNamespace(generation=1), 2

    monkeypatch.setattr("worker.requests.withdraw_result", withdraw)
    about = {"study_id": 7, "why": " Contours of another heart. "}
    assert ask(RequestKind.WITHDRAW_RESULT, **about).answer == {"generation": 1, "n_told": 2}
    assert done == [(7, "Contours of another heart.", "anna")]
    assert ask(RequestKind.WITHDRAW_RESULT, study_id=7, why=" ").state is RequestState.REFUSED


def test_study_without_a_result_is_not_withdrawn(ask):
    answered = ask(RequestKind.WITHDRAW_RESULT, study_id=7, why="Wrong.")
    assert answered.reason is Reason.NOTHING_TO_WITHDRAW


def test_uploaded_bundle_is_proved_installed_and_verified_again(ask, registry, spool, tmp_path):
    made = tmp_path / "made"
    write_small_bundle(made)
    with spool.new_upload() as (name, file), zipfile.ZipFile(file, "w") as archive:
        for path in made.rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(made).as_posix())
    answered = ask(RequestKind.INSTALL_BUNDLE, upload=name)
    assert answered.state is RequestState.DONE, answered
    assert not spool.upload(name).exists()
    (bundle,) = registry.bundles.list()
    assert (bundle.digest, bundle.installed_by) == (load_bundle(made).digest, "anna")
    assert bundle.folder.startswith(str(spool.bundles))
    assert ask(RequestKind.VERIFY_BUNDLE, bundle_id=bundle.id).state is RequestState.DONE
    graph = next(spool.bundles.rglob("*.onnx"))
    graph.write_bytes(graph.read_bytes() + b"x")
    assert ask(RequestKind.VERIFY_BUNDLE, bundle_id=bundle.id).reason is Reason.BUNDLE_TAMPERED
    assert not registry.bundles.get(bundle.id).is_intact


def test_bundle_that_nobody_needs_is_removed_with_its_files(settings, registry, spool):
    folder = spool.bundles / "small-1.0.0-abc"
    write_small_bundle(folder)
    note_bundle(registry, load_bundle(folder), "anna")
    (known,) = registry.bundles.list()
    named = settings.model_copy(update={"worker": WorkerSettings(bundle=str(folder))})
    with pytest.raises(ConfigurationError) as refused:
        remove_bundle(named, registry, spool, known.id, "anna")
    assert refused.value.reason is Reason.BUNDLE_IN_USE
    assert folder.is_dir()
    desk = make_desk(settings, registry, spool, "host:1", dict)
    request = registry.requests.ask(RequestKind.REMOVE_BUNDLE, {"bundle_id": known.id}, "anna", "")
    assert desk.tick()
    assert registry.requests.get(request.id).answer["name"] == "small"
    assert not folder.exists()
    assert registry.bundles.list() == []
    assert registry.audit.list(1)[0].actor == "anna"


def test_upload_that_is_no_bundle_is_refused_and_goes(ask, registry, spool):
    with spool.new_upload() as (name, file):
        file.write(b"no zip")
    assert ask(RequestKind.INSTALL_BUNDLE, upload=name).reason is Reason.ARCHIVE_UNUSABLE
    assert list(spool.uploads.iterdir()) == []
    assert ask(RequestKind.INSTALL_BUNDLE, upload="a").reason is Reason.NOT_FOUND
    assert registry.bundles.list() == []


@pytest.fixture
def opened(monkeypatch):
    """Let bundles open at once, and tell which; "broken" does not open."""
    folders = []

    def open_models(_settings, folder=""):
        folders.append(folder)
        if folder == "/broken":
            raise ModelError(Reason.BUNDLE_TAMPERED, "a.onnx differs")
        bundle = SimpleNamespace(name=folder or "shipped", version="1")
        return SimpleNamespace(tower=SimpleNamespace(bundle=bundle), writer=None, recogniser=None)

    monkeypatch.setattr(tasks, "open_models", open_models)
    monkeypatch.setattr(tasks, "note_bundle", lambda *_about: None)
    done = []
    monkeypatch.setattr(tasks.Analyst, "analyse", lambda self, job_id: done.append(job_id))
    return SimpleNamespace(folders=folders, done=done)


def test_next_job_uses_the_bundle_that_was_activated(opened, settings, registry):
    workplace = Workplace(settings)
    workplace.analyse("1")
    workplace.analyse("2")
    assert opened.folders == [""]
    good, broken = (
        registry.bundles.verified(folder[1] * 64, "unet", "1", folder, {}, "test")
        for folder in ("/good", "/broken")
    )
    registry.bundles.activate(good.id, "admin")
    workplace.analyse("3")
    assert opened.folders == ["", "/good"]
    registry.bundles.activate(broken.id, "admin")
    workplace.analyse("4")
    assert opened.done == ["1", "2", "3"], "no job runs with another bundle than the one in force"
    registry.bundles.rollback("admin")
    workplace.analyse("4")
    assert opened.done == ["1", "2", "3", "4"]
    assert opened.folders[-1] == "/good"
    workplace.close()
    assert registry.heartbeats.list() == []


def test_opened_bundle_is_known_to_the_pages(registry, tmp_path):
    write_small_bundle(tmp_path / "made")
    note_bundle(registry, load_bundle(tmp_path / "made"), "worker")
    (bundle,) = registry.bundles.list()
    assert bundle.is_intact
    assert set(bundle.facts) == {
        "licence",
        "intended_use",
        "known_limits",
        "training_data",
        "evaluation",
    }
