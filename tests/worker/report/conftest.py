"""One small study, reported once per test session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from plugin.domain.findings import Assessment
from tests.worker.report import samples
from worker.explain import explain
from worker.report import AnalysisIdentity, PredecessorReport, ResultFile, build_results

PREDECESSOR = PredecessorReport("1.2.840.10008.5.1.4.1.1.88.34", "2.25.901", "2.25.902")


@dataclass(frozen=True)
class Reported:
    loaded: samples.LoadedSample
    segmentation: samples.SegmentationSample
    assessment: Assessment
    identity: AnalysisIdentity
    folder: Path
    files: dict[str, ResultFile]


def report_into(folder: Path, **identity_changes: object) -> Reported:
    loaded, segmentation = samples.loaded_sample(n_phases=4, n_slices=4, size=64)
    loaded.reference.RequestAttributesSequence = [samples.request_item()]
    assessment = samples.assessment(segmentation.labels)
    identity = samples.identity(predecessor=PREDECESSOR, **identity_changes)
    shown = explain(loaded.stack, segmentation.labels, assessment, loaded.patient)
    assert shown is not None
    files = build_results(loaded, segmentation, assessment, identity, folder, explanation=shown)
    by_kind = {file.kind: file for file in files}
    return Reported(loaded, segmentation, assessment, identity, folder, by_kind)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return report_into(tmp_path_factory.mktemp("report"))
