# The project's target functions: one configuration, one way to make a library, a program, a test.

# Every target's compiler settings.
add_library(sememe_config INTERFACE)
target_include_directories(sememe_config INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(sememe_config INTERFACE -Wall -Wextra -Wpedantic -Wno-missing-field-initializers)
target_compile_definitions(sememe_config INTERFACE
  QT_NO_KEYWORDS QT_NO_CAST_FROM_ASCII QT_NO_CAST_TO_ASCII QT_NO_URL_CAST_FROM_STRING QT_USE_QSTRINGBUILDER)
target_link_libraries(sememe_config INTERFACE Threads::Threads)
if(SEMEME_WERROR)
  target_compile_options(sememe_config INTERFACE -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 sees overflows in its own string, vector and variant that are not there (its bugs 105329, 105651, 105562).
    target_compile_options(sememe_config INTERFACE -Wno-error=restrict -Wno-error=stringop-overflow
      -Wno-error=array-bounds -Wno-error=maybe-uninitialized)
  endif()
endif()
if(SEMEME_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "SEMEME_FUZZ needs clang: libFuzzer is part of it")
  endif()
  target_compile_options(sememe_config INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SEMEME_SANITIZE OR SEMEME_FUZZ)
  target_compile_options(sememe_config INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(sememe_config INTERFACE -fsanitize=address,undefined)
endif()

# LibTorch's headers as system headers, so that our warnings stay ours; and as options, not as include directories, so that
# Qt's moc, which has nothing to find there, does not read all of them for every test.
add_library(sememe_torch INTERFACE)
get_target_property(_torch_includes torch INTERFACE_INCLUDE_DIRECTORIES)
foreach(_target torch torch_library torch_cpu_library torch_cuda_library c10 c10_cuda)
  if(TARGET ${_target})
    set_target_properties(${_target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "")
  endif()
endforeach()
foreach(_folder ${_torch_includes})
  target_compile_options(sememe_torch INTERFACE "SHELL:-isystem \"${_folder}\"")
endforeach()
target_link_libraries(sememe_torch INTERFACE ${TORCH_LIBRARIES})

# Two precompiled headers, since LibTorch's would otherwise cost each file half a minute: its tensors (TENSOR), which is
# all that weights, images, SAEs and analysis need, and all of it with modules and autograd (TORCH).
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch.cpp CONTENT "// Carries a precompiled header.\n")
foreach(_kind tensor torch)
  add_library(sememe_${_kind}_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cpp)
  target_link_libraries(sememe_${_kind}_pch PRIVATE sememe_config sememe_torch)
  target_compile_options(sememe_${_kind}_pch PRIVATE -fpch-preprocess -fPIC)
endforeach()
target_precompile_headers(sememe_tensor_pch PRIVATE <ATen/ATen.h> <ATen/Parallel.h> <ATen/core/grad_mode.h>)
target_precompile_headers(sememe_torch_pch PRIVATE <torch/torch.h>)

function(_sememe_use_torch target kind)
  target_link_libraries(${target} PRIVATE sememe_torch)
  target_compile_options(${target} PRIVATE -fpch-preprocess -fPIC)
  target_precompile_headers(${target} REUSE_FROM sememe_${kind}_pch)
endfunction()

# sememe_library(NAME [TENSOR|TORCH] SOURCES files… [DEPENDS targets…] [PRIVATE_LIBS libs…])
# A static library sememe_NAME. DEPENDS go to whoever uses it, PRIVATE_LIBS and LibTorch's headers do not.
function(sememe_library name)
  cmake_parse_arguments(A "TENSOR;TORCH" "" "SOURCES;DEPENDS;PRIVATE_LIBS" ${ARGN})
  add_library(sememe_${name} STATIC ${A_SOURCES})
  target_link_libraries(sememe_${name} PUBLIC sememe_config ${A_DEPENDS} PRIVATE ${A_PRIVATE_LIBS})
  if(A_TORCH)
    _sememe_use_torch(sememe_${name} torch)
  elseif(A_TENSOR)
    _sememe_use_torch(sememe_${name} tensor)
  endif()
endfunction()

# sememe_program(NAME [TENSOR|TORCH] SOURCES files… LIBS targets…)
function(sememe_program name)
  cmake_parse_arguments(A "TENSOR;TORCH" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE sememe_config ${A_LIBS})
  if(A_TORCH)
    _sememe_use_torch(${name} torch)
  elseif(A_TENSOR)
    _sememe_use_torch(${name} tensor)
  endif()
endfunction()

# sememe_test(path/to/thing_test.cpp [TENSOR|TORCH] LIBS targets…): a Qt Test program named after the path, registered with ctest.
# It runs offscreen; GOLDEN_DIR (tests/golden) is defined for it.
function(sememe_test source)
  cmake_parse_arguments(A "TENSOR;TORCH" "" "LIBS" ${ARGN})
  string(REPLACE "/" "_" name ${source})
  string(REGEX REPLACE "\\.cpp$" "" name ${name})
  add_executable(${name} ${source})
  set_target_properties(${name} PROPERTIES AUTOMOC ON)
  # Empty, since tests include their own .moc: not worth seven seconds of reading LibTorch's precompiled header.
  set_source_files_properties(${CMAKE_CURRENT_BINARY_DIR}/${name}_autogen/mocs_compilation.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  target_link_libraries(${name} PRIVATE sememe_config Qt6::Test ${A_LIBS})
  target_compile_definitions(${name} PRIVATE GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden")
  if(A_TORCH)
    _sememe_use_torch(${name} torch)
  elseif(A_TENSOR)
    _sememe_use_torch(${name} tensor)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300
    ENVIRONMENT "QT_QPA_PLATFORM=offscreen;OMP_NUM_THREADS=1;ASAN_OPTIONS=detect_leaks=0:detect_container_overflow=0:detect_odr_violation=0")
endfunction()
