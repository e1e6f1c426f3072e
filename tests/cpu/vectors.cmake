# instruction_vectors: instructions recorded on real processors. Needs zlib and nlohmann-json.
find_package(ZLIB QUIET)
find_package(nlohmann_json QUIET)
if(TARGET cpu AND ZLIB_FOUND AND nlohmann_json_FOUND)
  add_executable(instruction_vectors
    ${CMAKE_CURRENT_LIST_DIR}/tool_instruction_vectors.cpp
    ${CMAKE_CURRENT_LIST_DIR}/tool_moo.cpp
    ${CMAKE_CURRENT_LIST_DIR}/tool_vector_rules.cpp)
  target_link_libraries(instruction_vectors PRIVATE cpu ZLIB::ZLIB nlohmann_json::nlohmann_json)
  set_target_properties(instruction_vectors PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

  # The recordings are large and live outside of the project; without them the test says that it was skipped.
  add_test(NAME instruction_vectors
    COMMAND ${CMAKE_COMMAND} -DTOOL=$<TARGET_FILE:instruction_vectors> -DFOLDER=${PROJECT_SOURCE_DIR}/../shared/cputests
            -P ${CMAKE_CURRENT_LIST_DIR}/run_vectors.cmake)
  # The same with every setting of the interpreter that must not matter, over fewer files.
  set(r86_vector_settings "--blocks 1" "--blocks 3" "--no-chain" "--blocks 0")
  foreach(settings ${r86_vector_settings})
    string(REPLACE "--" "" name "${settings}")
    string(REPLACE " " "_" name "${name}")
    add_test(NAME instruction_vectors_${name}
      COMMAND ${CMAKE_COMMAND} -DTOOL=$<TARGET_FILE:instruction_vectors> -DSTEP=24 "-DSETTINGS=${settings}"
              -DFOLDER=${PROJECT_SOURCE_DIR}/../shared/cputests -P ${CMAKE_CURRENT_LIST_DIR}/run_vectors.cmake)
    set_tests_properties(instruction_vectors_${name} PROPERTIES
      SKIP_REGULAR_EXPRESSION "skipped: no recordings" LABELS unit)
  endforeach()
  set_tests_properties(instruction_vectors PROPERTIES SKIP_REGULAR_EXPRESSION "skipped: no recordings" LABELS unit)
endif()
