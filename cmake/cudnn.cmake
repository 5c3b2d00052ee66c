# NVIDIA's headers and library of cuDNN, where there are some, against what Vane takes them for.
find_path(VANE_CUDNN_INCLUDE cudnn_adv.h PATHS /usr/local/cuda/include)
find_path(VANE_CUDART_INCLUDE cuda_runtime_api.h PATHS /usr/local/cuda/include)
find_library(VANE_CUDNN_LIBRARY NAMES libcudnn.so.9 PATHS /usr/local/cuda/lib64 /usr/local/cuda/lib)
if(VANE_CUDA_EMU AND VANE_CUDNN_INCLUDE AND VANE_CUDART_INCLUDE)
    add_library(vane_cudnn_header OBJECT kernels_cuda/emu/cudnn_header.c)
    add_library(vane_cudnn_standin OBJECT kernels_cuda/emu/cudnn.cpp) # its signatures are NVIDIA's
    target_compile_features(vane_cudnn_standin PRIVATE cxx_std_17)
    target_compile_definitions(vane_cudnn_standin PRIVATE VN_CUDNN_REAL=1)
    target_compile_options(vane_cudnn_standin PRIVATE -Wno-enum-compare) # Vane's values, NVIDIA's types
    foreach(target vane_cudnn_header vane_cudnn_standin)
        target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
        target_include_directories(${target} SYSTEM PRIVATE ${VANE_CUDNN_INCLUDE} ${VANE_CUDART_INCLUDE})
    endforeach()
endif()
if(VANE_CUDA_EMU AND VANE_CUDNN_LIBRARY)
    add_executable(vane_cudnn_real kernels_cuda/emu/cudnn_real.c)
    target_include_directories(vane_cudnn_real BEFORE PRIVATE ${CMAKE_SOURCE_DIR}
                               ${CMAKE_SOURCE_DIR}/kernels_cuda/emu/include)
    target_link_libraries(vane_cudnn_real PRIVATE ${CMAKE_DL_LIBS})
    add_test(NAME cudnn-descriptors COMMAND vane_cudnn_real ${VANE_CUDNN_LIBRARY})
endif()
