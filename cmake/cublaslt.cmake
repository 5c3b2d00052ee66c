# The stand-in for cuBLASLt beside an emulated plug-in, which finds it by its RUNPATH; NVIDIA's header and
# library, where there are some, against what Vane takes them for.
function(vane_cublaslt plugin folder)
    target_compile_definitions(${plugin} PRIVATE VN_EMULATED=1)
    set_target_properties(${plugin} PROPERTIES BUILD_RPATH "$ORIGIN")
    set(name ${plugin}_cublaslt)
    add_library(${name} SHARED kernels_cuda/emu/cublaslt.cpp)
    target_compile_features(${name} PRIVATE cxx_std_17)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    set_target_properties(${name} PROPERTIES OUTPUT_NAME cublasLt SUFFIX .so.13 NO_SONAME ON
                          CXX_VISIBILITY_PRESET hidden BUILD_RPATH "$ORIGIN"
                          LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
    target_link_libraries(${name} PRIVATE ${plugin})
endfunction()

find_path(VANE_CUBLASLT_INCLUDE cublasLt.h PATHS /usr/local/cuda/include)
find_library(VANE_CUBLASLT_LIBRARY NAMES libcublasLt.so.13 PATHS /usr/local/cuda/lib64 /usr/local/cuda/lib)
if(VANE_CUDA_EMU AND VANE_CUBLASLT_INCLUDE)
    add_library(vane_lt_header OBJECT kernels_cuda/emu/lt_header.c)
    target_include_directories(vane_lt_header PRIVATE ${CMAKE_SOURCE_DIR})
    target_include_directories(vane_lt_header SYSTEM PRIVATE ${VANE_CUBLASLT_INCLUDE})
    add_library(vane_lt_standin OBJECT kernels_cuda/emu/cublaslt.cpp) # its signatures are NVIDIA's
    target_compile_features(vane_lt_standin PRIVATE cxx_std_17)
    target_compile_definitions(vane_lt_standin PRIVATE VN_LT_REAL=1)
    target_include_directories(vane_lt_standin PRIVATE ${CMAKE_SOURCE_DIR})
    target_include_directories(vane_lt_standin SYSTEM PRIVATE ${VANE_CUBLASLT_INCLUDE})
endif()
if(VANE_CUDA_EMU AND VANE_CUBLASLT_LIBRARY)
    add_executable(vane_lt_real kernels_cuda/emu/lt_real.c)
    target_include_directories(vane_lt_real PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(vane_lt_real PRIVATE ${CMAKE_DL_LIBS})
    add_test(NAME cublaslt-descriptors COMMAND vane_lt_real ${VANE_CUBLASLT_LIBRARY})
endif()
