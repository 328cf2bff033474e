"""Recognition fitted to a hospital's reports: who is read, what is learnt, what a bundle says."""

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("onnxruntime", reason="needs the extra cpu or gpu")

from plugin.domain.errors import ConfigurationError, Reason, StudyRejectedError  # noqa: E402
from worker.bundle import load_bundle  # noqa: E402
from worker.model.golden import open_verified  # noqa: E402
from worker.model.language.categories import Category, read_categories  # noqa: E402
from worker.training.site import report_tuning as tuning  # noqa: E402
from worker.training.site.report_studies import ReportedStudy, read_reported  # noqa: E402
from worker.training.site.report_tuning import (  # noqa: E402
    fit,
    folds_of,
    heads_of,
    judge,
    require_enough,
    tune,
)

pytestmark = pytest.mark.train
THICK = Category(key="thick", name="thick wall", present=("a",), absent=("b",))
LARGE = Category(key="large", name="large cavity", present=("c",), absent=("d",))


class HeaderReader:
    """Reads nothing of the images."""

    def __init__(self, refuses=False):
        self.n_read, self.refuses = 0, refuses

    def hidden(self, paths):
        self.n_read += 1
        if self.refuses:
            raise StudyRejectedError(Reason.NO_SHORT_AXIS_CINE)
        return np.full(3, len(paths), np.float32)


def write_header(folder, uid):
    """Write what tells a study apart, and no image."""
    folder.mkdir(parents=True)
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = MRImageStorage
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = f"{uid}.1"
    header.StudyInstanceUID = uid
    header.save_as(folder / "image.dcm", enforce_file_format=True)


@pytest.fixture
def site(tmp_path):
    """Make one study with a report above its folder."""
    write_header(tmp_path / "site" / "one" / "images", "1.2.3")
    report = tmp_path / "site" / "one" / "report.txt"
    report.write_text("Thick wall. No large cavity.", encoding="utf-8")
    return tmp_path / "site"


def read(site, reader, cache):
    return read_reported(site, reader, [THICK, LARGE], cache)


def test_report_beside_a_study_gives_labels_and_is_read_once(site, tmp_path):
    reader = HeaderReader()
    (study,), left_out = read(site, reader, tmp_path / "cache")
    assert (study.labels, left_out) == ({"thick": 1, "large": 0}, "")
    assert study.name.startswith("study-")
    (again,), _ = read(site, reader, tmp_path / "cache")
    assert reader.n_read == 1
    assert np.array_equal(again.hidden, study.hidden)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert b"wall" not in kept


@pytest.mark.parametrize(
    ("text", "why"),
    [(None, "without a report"), ("Nothing to see.", "names no category plainly")],
)
def test_study_whose_report_says_nothing_is_left_out_unread(site, tmp_path, text, why):
    report = site / "one" / "report.txt"
    report.unlink() if text is None else report.write_text(text)
    reader = HeaderReader()
    found, left_out = read(site, reader, tmp_path / "cache")
    assert (found, reader.n_read) == ([], 0)
    assert why in left_out


def test_one_report_for_two_studies_is_of_neither(site, tmp_path):
    write_header(site / "one" / "other", "1.2.4")
    found, left_out = read(site, HeaderReader(), tmp_path / "cache")
    assert found == []
    assert left_out == "2 with one report for several studies"


def test_study_that_the_product_refuses_is_left_out(site, tmp_path):
    found, left_out = read(site, HeaderReader(refuses=True), tmp_path / "cache")
    assert found == []
    assert left_out == "1 no_short_axis_cine"


def drawn(n=60, width=24, n_features=8, seed=3):
    """Draw hidden states that tell two categories, a projection that sees little of it, labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (n, 2))
    hidden = rng.normal(size=(n, width)).astype(np.float32)
    hidden[:, 0] += 2.5 * (2 * labels[:, 0] - 1)
    hidden[:, 1] += 2.5 * (2 * labels[:, 1] - 1)
    weight = torch.from_numpy(rng.normal(size=(n_features, width)).astype(np.float32))
    directions = rng.normal(size=(2, n_features)).astype(np.float32)
    return hidden, weight, labels, directions


def test_fit_is_better_on_studies_that_it_did_not_see_and_leaves_the_rest_alone():
    hidden, weight, labels, directions = drawn()
    before = weight.clone()
    labels[::7, 0] = -1
    judged = judge(weight, hidden, labels, directions, [THICK, LARGE], folds(len(hidden)))
    assert torch.equal(weight, before)
    assert [one.key for one in judged] == ["thick", "large"]
    assert all(one.after.value > one.before.value + 0.1 for one in judged)
    moved = fit(weight, hidden, labels, directions)
    assert torch.equal(moved, fit(weight, hidden, labels, directions))
    assert float((moved - weight).norm() / weight.norm()) < 0.6


def test_labels_by_chance_are_not_learnt():
    hidden, weight, labels, directions = drawn()
    shuffled = np.random.default_rng(1).permutation(labels)
    judged = judge(weight, hidden, shuffled, directions, [THICK, LARGE], folds(len(hidden)))
    assert all(one.after.low < 0.5 for one in judged)


def folds(n):
    return folds_of([f"p-{k}" for k in range(n)])


def test_studies_of_one_patient_are_in_one_fold():
    patients = [f"p-{k // 3}" for k in range(90)]
    drawn = folds_of(patients)
    assert all(len(set(drawn[3 * k : 3 * k + 3])) == 1 for k in range(30))
    assert np.bincount(drawn).tolist() == [18] * 5


def studies(labels):
    return [
        ReportedStudy(
            f"study-{k}", f"p-{k}", np.zeros(3, np.float32), {"thick": int(t), "large": int(g)}
        )
        for k, (t, g) in enumerate(labels)
    ]


def test_category_with_too_few_of_a_kind_is_not_learnt():
    found = studies([(k % 2, 1) for k in range(20)])
    assert require_enough(found, [THICK, LARGE], "") == (THICK,)


@pytest.mark.parametrize("labels", [[(0, 1), (1, 0)] * 9, [(1, -1)] * 30])
def test_too_few_reports_are_refused_with_what_is_needed(labels):
    with pytest.raises(ConfigurationError, match=r"20 are needed.*left out: 3 x") as refused:
        require_enough(studies(labels), [THICK, LARGE], "3 x")
    assert refused.value.reason is Reason.REPORTS_UNUSABLE


class Told:
    """In the place of the bundle's reader: directions that the drawn studies are told along."""

    def __init__(self, bundle, threads=0):
        del bundle, threads
        self.categories = 0

    def directions(self, categories):
        rng = np.random.default_rng(5)
        size = len(categories), heads_of(load_bundle(None)).whole.out_features
        return rng.normal(size=size).astype(np.float32)


def reported(seed, *, chance):
    rng = np.random.default_rng(seed)
    width, found = heads_of(load_bundle(None)).whole.in_features, []
    for k in range(40):
        key = ("DCM", "HCM")[k % 2]
        hidden = rng.normal(size=width).astype(np.float32)
        hidden[0] += 0 if chance else 6 * (1 if key == "DCM" else -1)
        labels = {"NOR": 0, "DCM": int(key == "DCM"), "HCM": int(key == "HCM"), "MINF": 0, "RV": 0}
        found.append(ReportedStudy(f"study-{k:02}", f"p-{k:02}", hidden, labels))
    return found


def tuned(tmp_path, monkeypatch, *, chance):
    monkeypatch.setattr(tuning, "BundleReader", Told)
    monkeypatch.setattr(
        tuning, "read_reported", lambda *_: (reported(11, chance=chance), "1 not_mr")
    )
    return tune(
        load_bundle(None), tmp_path, read_categories(), tmp_path / "site-a", tmp_path / "w", "1.0.0"
    )


def test_bundle_of_the_site_differs_in_its_image_heads_only(tmp_path, monkeypatch):
    parent = load_bundle(None)
    found = tuned(tmp_path, monkeypatch, chance=False)
    site = load_bundle(tmp_path / "site-a")
    assert (site.name, site.version, found.n_studies) == ("site-a", "1.0.0", 40)
    assert [one.key for one in found.judged] == ["DCM", "HCM"]
    before = {one.path: one.sha256 for one in parent.manifest.files}
    changed = {one.path for one in site.manifest.files if before.get(one.path) != one.sha256}
    assert changed == {
        "graphs/image_heads.onnx", "golden/image_heads-1.npz", "LICENSE", "MODEL_CARD.md",
        "SITE_CARD.md",
    }  # fmt: skip
    assert "LicenseRef-site-data" in site.manifest.licence
    assert site.manifest.evaluation == parent.manifest.evaluation
    card = (site.folder / "SITE_CARD.md").read_text(encoding="utf-8")
    assert "| DCM |" in card
    assert "No text of a report is in this bundle" in card
    open_verified(site, "image_heads", "cpu", 1)
    assert not torch.equal(heads_of(site).whole.weight, heads_of(parent).whole.weight)
    assert torch.equal(heads_of(site).local.weight, heads_of(parent).local.weight)


def test_fit_that_is_not_better_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "fit", lambda weight, *_: weight)
    with pytest.raises(ConfigurationError) as refused:
        tuned(tmp_path, monkeypatch, chance=True)
    assert refused.value.reason is Reason.TRAINING_MADE_WORSE
    assert not (tmp_path / "site-a").exists()


def test_bundle_without_recognition_cannot_be_fitted():
    with pytest.raises(ConfigurationError) as refused:
        heads_of(load_bundle("phantom-unet"))
    assert refused.value.reason is Reason.BUNDLE_NOT_TRAINABLE
