#!/bin/sh
# Writes a software bill of materials (CycloneDX, JSON): every package of an environment with version, licence and hash.
#     sh deploy/sbom.sh [PYTHON] [FILE]        PYTHON: that of the installation, default python3
# The tool that writes it is installed into a folder of its own and is not part of the list. The model is not a package:
# its data, terms and figures stand in the bundle (cmr-triage bundle show).
set -eu
python=${1:-python3}
file=${2:-cmr-triage.cdx.json}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT INT TERM
"$python" -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7,<8'
"$tools/venv/bin/cyclonedx-py" environment --output-format JSON --output-file "$file" "$(command -v "$python")"
echo "$file"
