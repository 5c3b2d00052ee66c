# The CPU backend: reference kernels twice (f32, f64), SIMD and GEMM units once per ISA.
vane_layer(vane_kernels_cpu kernels_cpu)

# One compilation of `sources` with extra definitions and flags; vane_units names them all.
function(vane_unit name definitions flags)
    add_library(${name} OBJECT ${ARGN})
    target_compile_definitions(${name} PRIVATE ${definitions})
    target_compile_options(${name} PRIVATE ${flags})
    set(vane_units ${vane_units} ${name} PARENT_SCOPE)
endfunction()

file(GLOB ref_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cpu/ref/*.c)
vane_unit(vane_ref_f32 "VN_REAL=f32" "" ${ref_sources})
vane_unit(vane_ref_f64 "VN_REAL=f64" "" ${ref_sources})

file(GLOB simd_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cpu/simd/*.c
     ${CMAKE_SOURCE_DIR}/kernels_cpu/gemm/*.c)
set(gemm_names low.c low_kernels.c low_conv1d.c low_conv1d_grad.c activate.c)
set(baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(baseline "-march=x86-64") # generic stays generic under VANE_NATIVE
endif()
vane_unit(vane_simd_generic "VN_ISA=generic;VN_ISA_GENERIC=1" "${baseline}" ${simd_sources})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    vane_unit(vane_simd_avx2 "VN_ISA=avx2;VN_ISA_AVX2=1" "-mavx2;-mfma;-mf16c" ${simd_sources})
    # -mprefer-vector-width: compilers halve the width otherwise.
    vane_unit(vane_simd_avx512 "VN_ISA=avx512;VN_ISA_AVX512=1"
              "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mfma;-mprefer-vector-width=512"
              ${simd_sources})
    # The products that AVX512_BF16 has an instruction for, and the activations they end with.
    list(TRANSFORM gemm_names PREPEND ${CMAKE_SOURCE_DIR}/kernels_cpu/gemm/)
    vane_unit(vane_simd_avx512bf16 "VN_ISA=avx512bf16;VN_ISA_AVX512=1;VN_ISA_BF16=1"
              "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512bf16;-mfma;-mprefer-vector-width=512"
              ${gemm_names})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
    vane_unit(vane_simd_neon "VN_ISA=neon;VN_ISA_NEON=1" "" ${simd_sources})
endif()
