"""The pictures that go back to the archive: drawn here as RGB arrays, no DICOM."""
