"""The whole road with programs that nobody here wrote: dcmtk sends, Orthanc is the PACS.

The same comparison on real hearts is ``tests/benchmarks/end_to_end_orthanc.py``; it prints figures.
"""

import pytest

from plugin.domain.objects import DEFAULT_OBJECTS
from tests.benchmarks.end_to_end_orthanc import compare, running
from tests.programs import find_program
from worker.phantom.heart import HeartKind
from worker.phantom.study import Layout, generate, write_study
from worker.phantom.vendors import Vendor

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("vendor", "layout"),
    [(Vendor.SIEMENS, Layout.ONE_SERIES), (Vendor.PHILIPS, Layout.ENHANCED)],
)
def test_numbers_in_orthanc_are_those_of_analyze(tmp_path, vendor, layout):
    for name in ("storescu", "echoscu", "Orthanc"):
        find_program(name)
    study = tmp_path / "study"
    patient = generate(HeartKind.DILATED, 11, vendor=vendor, layout=layout)
    write_study(patient.instances(), study)
    out = tmp_path / "returned"
    with running(tmp_path) as ports:
        assert compare(study, ports, tmp_path, out) == 0
    assert len(list(out.iterdir())) == len(DEFAULT_OBJECTS)
