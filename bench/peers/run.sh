#!/usr/bin/env bash
# Vane beside its peers on this machine, in turn: `workload ours_us peer_us ratio share_of_limit`.
#
#   tools/setup.sh --peers                     once: PyTorch, onnxruntime, neuralforecast into .venv
#   bench/peers/run.sh nhits_infer quantile9   WORKLOAD and options: see bench/peers/peers.py
#   bench/peers/run.sh nhits_train_bf16        products in bf16, PyTorch's under autocast
#
# VANE names the program (default build/release/vane), PYTHON the interpreter (default .venv/bin/python).
set -euo pipefail
cd "$(dirname "$0")/../.."
vane=${VANE:-build/release/vane}
python=${PYTHON:-.venv/bin/python}
[[ -x $vane ]] || { echo "run.sh: no $vane; build it: cmake --preset release && cmake --build --preset release" >&2; exit 2; }
[[ -x $python ]] || { echo "run.sh: no $python; tools/setup.sh --peers installs it" >&2; exit 2; }
# Neither side is told how to wait (OMP_WAIT_POLICY): a team told to spin would take the cores from the other.
exec env PYTHONPATH=bench/peers "$python" bench/peers/peers.py --vane "$vane" "$@"
