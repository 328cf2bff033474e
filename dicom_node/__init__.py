"""Everything that speaks DICOM on the wire."""
