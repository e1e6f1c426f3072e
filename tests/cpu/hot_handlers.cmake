# The hottest handlers keep no frame: their disassembly is looked at. Only what is made for x86-64 is promised.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_FOUND AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64"
   AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT R86_SANITIZE)
  add_test(NAME hot_handlers COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_hot_handlers.py
                                     $<TARGET_FILE:cpu>)
  set_tests_properties(hot_handlers PROPERTIES SKIP_RETURN_CODE 77)
endif()
