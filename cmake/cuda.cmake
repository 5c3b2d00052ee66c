# The CUDA plug-in, and the same files on the emulated GPU of kernels_cuda/emu. Nothing links either:
# the library opens libvane_cuda.so when a device of it is named.
file(GLOB cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cuda/*.c)
file(GLOB cuda_kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cuda/*.cu)
file(GLOB emu_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/*.cpp)
list(FILTER emu_sources EXCLUDE REGEX "/check\\.cpp$")

# ---- nvcc ----

# Generations with machine code of their own; the PTX of the last serves later ones.
set(VANE_CUDA_ARCHITECTURES "80-real;90-real;100-real;120" CACHE STRING
    "GPU generations to build kernels for, as CMAKE_CUDA_ARCHITECTURES")
if(VANE_CUDA STREQUAL "AUTO")
    include(CheckLanguage)
    check_language(CUDA)
endif()
if(VANE_CUDA STREQUAL "ON" OR (VANE_CUDA STREQUAL "AUTO" AND CMAKE_CUDA_COMPILER))
    set(CMAKE_CUDA_ARCHITECTURES ${VANE_CUDA_ARCHITECTURES})
    enable_language(CUDA)
    find_package(CUDAToolkit 13 REQUIRED)
    add_library(vane_cuda MODULE ${cuda_sources} ${cuda_kernels})
    set_target_properties(vane_cuda PROPERTIES CUDA_STANDARD 17 CUDA_VISIBILITY_PRESET hidden)
    # The runtime is linked in: the driver is the only library of the system that must be there.
    target_link_libraries(vane_cuda PRIVATE CUDA::cudart_static ${CMAKE_DL_LIBS})
    install(TARGETS vane_cuda LIBRARY DESTINATION lib)
    add_executable(gpu_infer examples/gpu_infer.c)
    target_link_libraries(gpu_infer PRIVATE vane CUDA::cudart m)
endif()

# ---- emulation ----

include(${CMAKE_CURRENT_LIST_DIR}/cublaslt.cmake)

# One plug-in: `flags` for the kernels, more sources for the emulation itself.
function(vane_emulated folder flags)
    set(name vane_cuda_${folder})
    add_library(${name}_kernels OBJECT ${cuda_kernels})
    set_source_files_properties(${cuda_kernels} PROPERTIES LANGUAGE CXX)
    target_compile_options(${name}_kernels PRIVATE -x c++ -g -Wno-unknown-pragmas ${flags})
    # SHARED: programs that use the GPU beside Vane (examples) are linked with it, as with CUDA's runtime.
    add_library(${name} SHARED ${cuda_sources} ${emu_sources} ${ARGN}
                               $<TARGET_OBJECTS:${name}_kernels>)
    foreach(target ${name}_kernels ${name})
        target_include_directories(${target} BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/include)
        target_compile_features(${target} PRIVATE cxx_std_17)
    endforeach()
    set_target_properties(${name}_kernels ${name} PROPERTIES CXX_VISIBILITY_PRESET hidden)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME vane_cuda
                          LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
    target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS})
    vane_cublaslt(${name} ${folder})
    add_test(NAME ${folder}-products COMMAND ${CMAKE_SOURCE_DIR}/tests/emu/products.sh
                                             $<TARGET_FILE:vane_tests> ${CMAKE_BINARY_DIR}/${folder})

    # Kernels that are wrong on purpose: what the emulation must notice.
    set(faults vane_faults_${folder})
    add_library(${faults}_kernels OBJECT tests/emu/faults.cu)
    set_source_files_properties(tests/emu/faults.cu PROPERTIES LANGUAGE CXX)
    target_compile_options(${faults}_kernels PRIVATE -x c++ -g -Wno-unknown-pragmas ${flags})
    add_executable(${faults} ${emu_sources} ${ARGN} $<TARGET_OBJECTS:${faults}_kernels>)
    if(ARGN)
        target_compile_definitions(${faults}_kernels PRIVATE VN_EMU_CHECK=1)
    endif()
    foreach(target ${faults}_kernels ${faults})
        target_include_directories(${target} BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/include)
        target_compile_features(${target} PRIVATE cxx_std_17)
    endforeach()
    target_link_libraries(${faults} PRIVATE ${CMAKE_DL_LIBS})
    add_test(NAME ${folder}-faults COMMAND ${faults})
    add_test(NAME ${folder}-ops COMMAND vane_tests under_test ops_device models_device direct fit_device
             prophet_device)
    set_tests_properties(${folder}-ops PROPERTIES ENVIRONMENT
        "VANE_TEST_DEVICE=cuda;VANE_TEST_PLUGINS=${CMAKE_BINARY_DIR}/${folder}")
endfunction()

if(VANE_CUDA_EMU)
    enable_language(CXX)
    vane_emulated(emu "")
    add_executable(gpu_infer_emu examples/gpu_infer.c)
    target_include_directories(gpu_infer_emu BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/include)
    target_link_libraries(gpu_infer_emu PRIVATE vane vane_cuda_emu m)
    add_test(NAME emu-cli COMMAND ${CMAKE_SOURCE_DIR}/tests/cli/cuda.sh $<TARGET_FILE:vane_command>
                                  ${CMAKE_BINARY_DIR}/emu $<TARGET_FILE:gpu_infer_emu>)
    add_test(NAME emu-gpu-check COMMAND ${CMAKE_SOURCE_DIR}/tests/cli/gpu_check.sh ${CMAKE_SOURCE_DIR}
                                        ${CMAKE_BINARY_DIR})
    if(NOT VANE_SANITIZE) # the race check takes the place of the thread sanitizer's library
        vane_emulated(emu-check "-fsanitize=thread" kernels_cuda/emu/check.cpp)
    endif()
endif()
