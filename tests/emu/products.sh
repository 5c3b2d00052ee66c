#!/bin/sh
# Each way of a product forced but the first, which all other tests take, and the fastest chosen: over the
# cases of linear and matmul and (in the plain emulation, or on a GPU) a training step of every model, of
# those with recurrent layers also by cuDNN. The stand-ins for cuBLASLt and cuDNN refuse what NVIDIA's
# documentation does, and another result than the reference's fails. Usage: products.sh path/to/vane_tests FOLDER: of libvane_cuda.so.
set -u
tests=$1
export VANE_TEST_DEVICE=cuda VANE_TEST_PLUGINS="$2"
failed=0

run() { # what must hold, in words, and how to run it
    name=$1
    shift
    if ! "$@" > products.log 2>&1; then
        failed=$((failed + 1))
        echo "FAILED: $name"
        tail -12 products.log
    fi
}

for way in own-apart cublaslt cublaslt-apart auto; do
    export VANE_TEST_PRODUCTS=$way
    for op in linear matmul; do
        run "$op by $way" env VANE_TEST_OP=$op "$tests" ops_device
    done
    case $2 in
    */emu-*) ;;
    *) run "models by $way" "$tests" models_device ;;
    esac
done
recurrent="env VANE_TEST_PRODUCTS=cudnn"
layers="gru lstm-attention deepar"
case $2 in
*/emu) # one algorithm is a test of its own
    run "recurrent layers by cudnn-small" env VANE_TEST_PRODUCTS=cudnn-small "VANE_TEST_MODEL=$layers" "$tests" models_device
    for state in absent swapped nan refuses; do
        run "a cuDNN that is: $state" $recurrent "VANE_TEST_MODEL=lstm-attention" EMU_DNN=$state "$tests" models_device
    done
    for model in $layers; do # what is compared with the CPU is cuDNN's
        unlike() { ! $recurrent "VANE_TEST_MODEL=$model" EMU_DNN=drifts "$tests" models_device; }
        run "$model takes cuDNN" unlike
    done
    ;;
esac
run "a ReLU that loses NaN" env VANE_TEST_PRODUCTS=cublaslt EMU_LT_NAN=lost VANE_TEST_OP=linear "$tests" ops_device
run "no library" env VANE_TEST_PRODUCTS=cublaslt EMU_LT=absent VANE_TEST_OP=linear "$tests" ops_device
rm -f products.log
echo "$failed failed"
[ "$failed" -eq 0 ]
