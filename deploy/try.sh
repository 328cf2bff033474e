#!/bin/sh
# One command on a fresh Linux machine: makes its own environment, installs cmr-triage, runs the demo.
# Needs Python 3.11 or 3.12 with its venv module; no root, no container, no GPU, no Redis. Newer Pythons
# and other processors than x86_64 need a Redis server on PATH as well.
# Arguments go to the demo:    sh deploy/try.sh --keep
# --bundle NAME                installs and shows this model bundle only, and none of the files of the others;
#                              acdc-unet is for non-commercial use only, phantom-unet is free and less accurate
# CMR_TRIAGE_TRY_VENV          folder of the environment (default: .try beside this repository's README)
# CMR_TRIAGE_PYTHON            the Python to use (default: the first good one on PATH)
set -eu

say() { printf '%s\n' "$*" >&2; }
stop() { say "try.sh: $*"; exit 1; }

top=$(cd "$(dirname "$0")/.." && pwd)
venv=${CMR_TRIAGE_TRY_VENV:-"$top/.try"}

# The bundle is chosen for the installation (which files and licences it has) and for what runs (worker.bundle).
bundle=
n_left=$#
while [ "$n_left" -gt 0 ]; do
    case $1 in
        --bundle) [ "$n_left" -gt 1 ] || stop "--bundle needs the name of one."; bundle=$2; shift; n_left=$((n_left - 1)) ;;
        --bundle=*) bundle=${1#--bundle=} ;;
        *) set -- "$@" "$1" ;;
    esac
    shift
    n_left=$((n_left - 1))
done
if [ -n "$bundle" ]; then
    [ -f "$top/worker/bundles/$bundle/manifest.json" ] || stop "there is no bundle $bundle in worker/bundles."
    CMR_TRIAGE_BUNDLES=$bundle
    CMR_TRIAGE_WORKER__BUNDLE=$bundle
    export CMR_TRIAGE_BUNDLES CMR_TRIAGE_WORKER__BUNDLE
fi

good_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (4, 0))' >/dev/null 2>&1
}

has_venv() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

python=${CMR_TRIAGE_PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.12 python3.11 python3 python3.13 python3.14; do
        if command -v "$candidate" >/dev/null 2>&1 && good_python "$candidate"; then
            : "${python:=$candidate}"
            if has_venv "$candidate"; then
                python=$candidate
                break
            fi
        fi
    done
fi
[ -n "$python" ] || stop "no Python 3.11 or newer was found; install python3.12 (or set CMR_TRIAGE_PYTHON)."
good_python "$python" || stop "$python is not a Python 3.11 or newer."

if ! has_venv "$python"; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    stop "this Python has no venv module; install it, on Debian and Ubuntu: apt install python$version-venv"
fi

# Python 3.11 and 3.12 on x86_64 get a Redis server with the installation; others need one on PATH.
if ! "$python" -c 'import platform, sys; sys.exit(not (sys.version_info[:2] < (3, 13) and platform.machine() == "x86_64"))'; then
    if ! command -v valkey-server >/dev/null 2>&1 && ! command -v redis-server >/dev/null 2>&1; then
        stop "no Redis server was found; install one, on Debian and Ubuntu: apt install redis-server (or use Python 3.12 on x86_64, which brings its own)."
    fi
fi

stamp="$venv/.installed"
# Also when an earlier run was interrupted here, or its Python is gone.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "Making an environment in $venv ..."
    rm -f "$stamp"
    "$python" -m venv "$venv" || stop "the environment could not be made in $venv (is the disk full or read-only?)."
fi

# Install again only when the code, its dependencies or the chosen bundles changed since the last run.
installed=none
[ ! -f "$stamp" ] || read -r installed < "$stamp" || installed=
if [ "$installed" != "${CMR_TRIAGE_BUNDLES:-}" ] || [ -n "$(find "$top/pyproject.toml" "$top/hatch_build.py" "$top/plugin" "$top/dicom_node" "$top/worker" -newer "$stamp" -type f -not -name '*.pyc' -print 2>/dev/null | head -n 1)" ]; then
    say "Installing cmr-triage (the first time takes a minute or two) ..."
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$top[cpu]" \
        || stop "the installation failed; the lines above say why (is there a network or a package index?)."
    printf '%s\n' "${CMR_TRIAGE_BUNDLES:-}" > "$stamp"
fi

# From another folder than the checkout, so that what runs is what was installed.
cd "$venv"
exec "$venv/bin/cmr-triage" demo "$@"
