# The CUDA plug-in, and the same files on the emulated GPU of kernels_cuda/emu. Nothing links either:
# the library opens libvane_cuda.so when a device of it is named.
file(GLOB cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cuda/*.c)
file(GLOB cuda_kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cuda/*.cu)
file(GLOB emu_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/*.cpp)
file(GLOB ptx_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/ptx_*.cpp)
list(FILTER emu_sources EXCLUDE REGEX "/(check|cublaslt|cudnn|ptx_.*)\\.cpp$")

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
include(${CMAKE_CURRENT_LIST_DIR}/cudnn.cmake)

# Kernel files `kernels` as a host compiler with `flags` sees them. Their names are visible, by which the
# interpreter finds their PTX.
function(vane_host_kernels name flags)
    add_library(${name} OBJECT ${ARGN})
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
    target_compile_options(${name} PRIVATE -x c++ -g -Wno-unknown-pragmas ${flags})
    target_include_directories(${name} BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/include)
    target_compile_features(${name} PRIVATE cxx_std_17)
endfunction()

function(vane_emulation target link)
    target_include_directories(${target} BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/include)
    target_compile_features(${target} PRIVATE cxx_std_17)
    target_compile_options(${target} PRIVATE ${link})
    target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
    target_link_options(${target} PRIVATE ${link})
    set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden)
endfunction()

# The stand-in for a library of NVIDIA (emu/`source`.cpp) beside an emulated plug-in, which finds it by its RUNPATH.
function(vane_standin plugin folder source library suffix)
    set(name ${plugin}_${source})
    add_library(${name} SHARED kernels_cuda/emu/${source}.cpp)
    target_compile_features(${name} PRIVATE cxx_std_17)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${library} SUFFIX ${suffix} NO_SONAME ON
                          CXX_VISIBILITY_PRESET hidden BUILD_RPATH "$ORIGIN"
                          LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
    target_link_libraries(${name} PRIVATE ${plugin})
endfunction()

# One execution, the plug-in in `folder`. `flags`: for the kernels; `link`: for the emulation and the
# linker; then what the emulation has besides.
function(vane_plugin folder flags link)
    set(plugin vane_cuda_${folder})
    vane_host_kernels(${plugin}_kernels "${flags}" ${cuda_kernels})
    # SHARED: programs that use the GPU beside Vane (examples) are linked with it, as with CUDA's runtime.
    add_library(${plugin} SHARED ${cuda_sources} ${emu_sources} ${ARGN} $<TARGET_OBJECTS:${plugin}_kernels>)
    vane_emulation(${plugin} "${link}")
    set_target_properties(${plugin} PROPERTIES OUTPUT_NAME vane_cuda
                          LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
    target_compile_definitions(${plugin} PRIVATE VN_EMULATED=1)
    set_target_properties(${plugin} PROPERTIES BUILD_RPATH "$ORIGIN")
    vane_standin(${plugin} ${folder} cublaslt cublasLt .so.13)
    vane_standin(${plugin} ${folder} cudnn cudnn .so.9)
endfunction()

# Every way of products on the execution in `folder`.
function(vane_products_test folder)
    add_test(NAME ${folder}-products COMMAND ${CMAKE_SOURCE_DIR}/tests/emu/products.sh
                                             $<TARGET_FILE:vane_tests> ${CMAKE_BINARY_DIR}/${folder})
endfunction()

# The same, the kernels that are wrong on purpose, and the tests of both.
function(vane_emulated folder flags link)
    vane_plugin(${folder} "${flags}" "${link}" ${ARGN})
    set(faults vane_faults_${folder})
    vane_host_kernels(${faults}_kernels "${flags}" tests/emu/faults.cu tests/emu/tiles.cu)
    target_compile_definitions(${faults}_kernels PRIVATE VN_EXECUTION="${folder}")
    add_executable(${faults} ${emu_sources} ${ARGN} $<TARGET_OBJECTS:${faults}_kernels>)
    vane_emulation(${faults} "${link}")
    set_target_properties(${faults} PROPERTIES ENABLE_EXPORTS ON
                          RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
    add_test(NAME ${folder}-faults COMMAND ${faults})
    # Whole fits take long: of Prophet, whose kernel's cases run everywhere, and of several models at once.
    set(fits fit_device)
    if(folder STREQUAL "emu")
        list(APPEND fits prophet_device many)
    endif()
    add_test(NAME ${folder}-ops COMMAND vane_tests under_test ops_device models_device direct ${fits})
    set_tests_properties(${folder}-ops PROPERTIES ENVIRONMENT
        "VANE_TEST_DEVICE=cuda;VANE_TEST_PLUGINS=${CMAKE_BINARY_DIR}/${folder}")
    add_test(NAME ${folder}-layers COMMAND vane_tests models_device)
    set_tests_properties(${folder}-layers PROPERTIES ENVIRONMENT
        "VANE_TEST_DEVICE=cuda;VANE_TEST_PLUGINS=${CMAKE_BINARY_DIR}/${folder};VANE_TEST_PRODUCTS=cudnn;VANE_TEST_MODEL=gru lstm-attention deepar")
endfunction()

# With the address sanitizer, whose library must be the first of a process that is built without.
function(vane_emulated_asan folder)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libasan.so
                    OUTPUT_VARIABLE asan OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR NOT IS_ABSOLUTE ${asan})
        message(STATUS "g++'s address sanitizer is not found: no test of kernels with it (emu-asan)")
        return()
    endif()
    vane_emulated(${folder} "-fsanitize=address;-O1" "-fsanitize=address")
    set_property(TEST ${folder}-ops ${folder}-layers APPEND PROPERTY ENVIRONMENT
                 "LD_PRELOAD=${asan};ASAN_OPTIONS=detect_leaks=0")
endfunction()

# What nvcc makes of the kernels, interpreted. The host compiles them too, for their addresses and names.
function(vane_interpreted folder)
    find_program(VANE_NVCC nvcc HINTS /usr/local/cuda/bin)
    if(NOT VANE_NVCC)
        message(STATUS "nvcc is not found: what it makes of the kernels is not tested (emu-ptx)")
        return()
    endif()
    set(texts)
    foreach(kernels ${cuda_kernels} ${CMAKE_SOURCE_DIR}/tests/emu/faults.cu ${CMAKE_SOURCE_DIR}/tests/emu/tiles.cu)
        get_filename_component(name ${kernels} NAME_WE)
        set(text ${CMAKE_BINARY_DIR}/${folder}/ptx/${name}.ptx)
        add_custom_command(OUTPUT ${text}
            COMMAND ${VANE_NVCC} -std=c++17 -O3 -lineinfo -arch=compute_80 -I${CMAKE_SOURCE_DIR}
                    -MD -MF ${text}.d -ptx ${kernels} -o ${text}
            DEPENDS ${kernels} DEPFILE ${text}.d VERBATIM)
        list(APPEND texts ${text})
    endforeach()
    add_custom_target(vane_cuda_${folder}_texts DEPENDS ${texts})
    set_source_files_properties(${ptx_sources} PROPERTIES COMPILE_OPTIONS
        "-O3;-march=native;-fno-strict-aliasing")
    vane_emulated(${folder} "-O0;-fvisibility=default" "" ${ptx_sources})
    add_dependencies(vane_cuda_${folder} vane_cuda_${folder}_texts)
    add_dependencies(vane_faults_${folder} vane_cuda_${folder}_texts)
endfunction()

# The race check's execution of the real sources with the faults of tests/emu/planted.tsv in them, one of
# which EMU_FAULT chooses: what tests/emu/planted.sh scores.
function(vane_planted folder)
    set(table ${CMAKE_SOURCE_DIR}/tests/emu/planted.tsv)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
    file(STRINGS ${table} rows REGEX "^[a-z]")
    set(names)
    foreach(row IN LISTS rows)
        string(REGEX MATCH "^[a-z0-9_]+\\.[a-z]+" name "${row}")
        list(APPEND names ${name})
    endforeach()
    list(REMOVE_DUPLICATES names)
    set(root ${CMAKE_BINARY_DIR}/${folder}/source)
    set(copies)
    foreach(name ${names})
        set(copy ${root}/kernels_cuda/${name})
        set(original ${CMAKE_SOURCE_DIR}/kernels_cuda/${name})
        add_custom_command(OUTPUT ${copy}
            COMMAND awk -v name=${name} -f ${CMAKE_SOURCE_DIR}/tests/emu/plant.awk ${table} ${original} > ${copy}
            DEPENDS ${original} ${table} ${CMAKE_SOURCE_DIR}/tests/emu/plant.awk VERBATIM)
        list(APPEND copies ${copy})
        list(TRANSFORM cuda_kernels REPLACE "^${original}$" ${copy})
        list(TRANSFORM cuda_sources REPLACE "^${original}$" ${copy})
    endforeach()
    file(MAKE_DIRECTORY ${root}/kernels_cuda)
    add_custom_target(vane_cuda_${folder}_sources ALL DEPENDS ${copies})
    add_test(NAME ${folder}-lines COMMAND ${CMAKE_SOURCE_DIR}/tests/emu/planted.sh ${CMAKE_BINARY_DIR} --lines)
    vane_plugin(${folder} "-fsanitize=thread;-O1" "" kernels_cuda/emu/check.cpp tests/emu/planted.cpp)
    foreach(target vane_cuda_${folder} vane_cuda_${folder}_kernels)
        set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
        target_include_directories(${target} BEFORE PRIVATE ${root})
        target_compile_options(${target} PRIVATE -include ${CMAKE_SOURCE_DIR}/tests/emu/planted.h -Wno-unused)
        add_dependencies(${target} vane_cuda_${folder}_sources)
    endforeach()
endfunction()

if(VANE_CUDA_EMU)
    enable_language(CXX)
    vane_emulated(emu "" "")
    vane_products_test(emu)
    add_executable(gpu_infer_emu examples/gpu_infer.c)
    target_include_directories(gpu_infer_emu BEFORE PRIVATE ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/include)
    target_link_libraries(gpu_infer_emu PRIVATE vane vane_cuda_emu m)
    add_test(NAME emu-cli COMMAND ${CMAKE_SOURCE_DIR}/tests/cli/cuda.sh $<TARGET_FILE:vane_command>
                                  ${CMAKE_BINARY_DIR}/emu $<TARGET_FILE:gpu_infer_emu>)
    add_test(NAME emu-gpu-check COMMAND ${CMAKE_SOURCE_DIR}/tests/cli/gpu_check.sh ${CMAKE_SOURCE_DIR}
                                        ${CMAKE_BINARY_DIR})
    if(NOT VANE_SANITIZE) # which these take the place of
        vane_emulated_asan(emu-asan)
        vane_emulated(emu-check "-fsanitize=thread" "" kernels_cuda/emu/check.cpp)
        vane_products_test(emu-check)
        vane_interpreted(emu-ptx)
        vane_planted(emu-planted)
    endif()
endif()
