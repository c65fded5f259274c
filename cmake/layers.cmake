# A folder of src/ is a layer, and a layer is a target that names every layer it may include.
#
# Headers are included as "layer/file.h". A target sees only its own folder and the folders named in MAY_INCLUDE, through a
# folder of links made per layer, so a header of any other layer is not found: an undeclared include does not compile.
# The list is complete, not transitive: a layer that is included only by another layer's headers is named too.

include_guard()
set(QUOIN_LINKS ${CMAKE_BINARY_DIR}/layer-links)
set_property(GLOBAL PROPERTY QUOIN_PURE_LAYERS "")

function(quoin_layer_root layer out)
  set(root ${QUOIN_LINKS}/${layer})
  if(NOT EXISTS ${root})
    file(MAKE_DIRECTORY ${root})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${layer} ${root}/${layer} SYMBOLIC)
  endif()
  set(${out} ${root} PARENT_SCOPE)
endfunction()

# Lets TARGET include the headers of LAYERS and links them.
function(quoin_use_layers target)
  foreach(layer ${ARGN})
    quoin_layer_root(${layer} root)
    target_include_directories(${target} PRIVATE ${root})
    target_link_libraries(${target} PRIVATE quoin_${layer})
  endforeach()
endfunction()

# quoin_layer(NAME [PURE] [SUBTARGET name] MAY_INCLUDE layers... LIBRARIES libraries... SOURCES files... )
# PURE layers are read by the purity test. SUBTARGET gives a second archive of the same folder a name of its own: one
# above the first, which it may include; or, with HEADERS, one below it, which others may name in MAY_INCLUDE and then
# include those headers and nothing else of the folder.
function(quoin_layer layer)
  cmake_parse_arguments(arg "PURE" "SUBTARGET" "HEADERS;MAY_INCLUDE;LIBRARIES;SOURCES" ${ARGN})
  set(target quoin_${layer})
  if(arg_SUBTARGET)
    set(target quoin_${arg_SUBTARGET})
    if(arg_HEADERS)
      file(MAKE_DIRECTORY ${QUOIN_LINKS}/${arg_SUBTARGET}/${layer})
      foreach(header ${arg_HEADERS})
        file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${layer}/${header} ${QUOIN_LINKS}/${arg_SUBTARGET}/${layer}/${header} SYMBOLIC)
      endforeach()
    else()
      list(APPEND arg_MAY_INCLUDE ${layer})
    endif()
  endif()
  add_library(${target} STATIC ${arg_SOURCES})
  quoin_layer_root(${layer} own)
  target_include_directories(${target} PRIVATE ${own})
  foreach(other ${arg_MAY_INCLUDE})
    quoin_layer_root(${other} root)
    target_include_directories(${target} PRIVATE ${root})
    target_link_libraries(${target} PUBLIC quoin_${other})
  endforeach()
  target_link_libraries(${target} PUBLIC ${arg_LIBRARIES})
  set_property(TARGET ${target} PROPERTY QUOIN_MAY_INCLUDE "${layer};${arg_MAY_INCLUDE}")
  if(arg_PURE)
    set_property(GLOBAL APPEND PROPERTY QUOIN_PURE_LAYERS ${target})
  endif()
endfunction()

# The one object file that knows where tests/vectors is.
add_library(quoin_vectors STATIC ${CMAKE_SOURCE_DIR}/tests/vectors/folder.cc)
target_compile_definitions(quoin_vectors PRIVATE QUOIN_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors")
target_include_directories(quoin_vectors PUBLIC ${CMAKE_SOURCE_DIR}/tests)

# quoin_test(NAME LAYERS layers... [LIBRARIES libraries...] SOURCES files...): one GoogleTest program.
function(quoin_test name)
  cmake_parse_arguments(arg "" "" "LAYERS;LIBRARIES;SOURCES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  quoin_use_layers(${name} ${arg_LAYERS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} quoin_vectors GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endfunction()

# quoin_fuzz(NAME LAYERS layers... SOURCES files...): a libFuzzer target; elsewhere the same file replays its corpus
# (tests/fuzz/corpus/NAME) as an ordinary test.
function(quoin_fuzz name)
  cmake_parse_arguments(arg "" "" "LAYERS;SOURCES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  quoin_use_layers(${name} ${arg_LAYERS})
  if(QUOIN_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    add_test(NAME ${name} COMMAND ${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY QUOIN_FUZZ_TARGETS ${name})
endfunction()
