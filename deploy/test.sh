#!/bin/sh
# Runs every check of the project: style, import laws, types, tests.
#   --no-train   leave out torch, and the tests that need it
# Other arguments go to pytest, e.g.  sh deploy/test.sh --no-train tests/plugin
# CMR_TRIAGE_TEST_VENV   folder of the environment (default: .venv-test beside the README)
# CMR_TRIAGE_PYTHON      the Python to use (default: the first good one on PATH)
# CMR_TRIAGE_TEST_PROCESSES  how many test files run at a time (default: 2)
# CI=true                a missing system program fails its tests instead of skipping them
set -eu

stop() { printf '%s\n' "test.sh: $*" >&2; exit 1; }

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
venv=${CMR_TRIAGE_TEST_VENV:-"$top/.venv-test"}

train=yes
if [ "${1:-}" = "--no-train" ]; then
    train=no
    shift
fi

good_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (4, 0))' >/dev/null 2>&1
}
python=${CMR_TRIAGE_PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.11 python3.12 python3; do
        if command -v "$candidate" >/dev/null 2>&1 && good_python "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
[ -n "$python" ] || stop "no Python 3.11 or newer was found; install python3.11 (or set CMR_TRIAGE_PYTHON)."
"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 \
    || stop "this Python has no venv module; install it, on Debian and Ubuntu: apt install python3-venv"

"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv "$venv"
pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check"

if [ "$train" = yes ]; then
    # torch alone and first: its exact version decides what everything after it may be.
    $pip torch==2.13.0 || stop "torch could not be installed; sh deploy/test.sh --no-train does without."
    $pip -e ".[cpu,train,dev]"
else
    $pip -e ".[cpu,dev]"
fi

PATH="$venv/bin:$PATH"
export PATH
# Each test process keeps to one core; more threads only make them wait for each other.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

# A file's tests stay together: what they start (Redis, Orthanc, a registry) is started once per process.
set -- -n "${CMR_TRIAGE_TEST_PROCESSES:-2}" --dist loadfile "$@"

echo "== ruff"
ruff check .
ruff format --check .
echo "== import laws"
lint-imports
if [ "$train" = yes ]; then
    echo "== mypy"
    mypy
    echo "== pytest"
    exec pytest "$@"
fi
echo "== mypy (without worker.training, whose libraries are left out)"
set -- -m "not train" "$@"
checked=""
for module in worker/*; do
    name=$(basename "$module" .py)
    case $name in
        training | bundles | __*) ;;
        *) if [ -d "$module" ]; then checked="$checked -p worker.$name"; else checked="$checked -m worker.$name"; fi ;;
    esac
done
# shellcheck disable=SC2086 - a list of options
mypy -p plugin -p dicom_node $checked
echo "== pytest"
exec pytest "$@"
