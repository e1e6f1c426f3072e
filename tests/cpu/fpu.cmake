# The transcendental functions are measured against MPFR where the host has it; without it those tests are left out.
find_path(R86_MPFR_INCLUDE mpfr.h)
find_library(R86_MPFR_LIBRARY mpfr)
find_library(R86_GMP_LIBRARY gmp)
if(TARGET unit_cpu AND R86_MPFR_INCLUDE AND R86_MPFR_LIBRARY AND R86_GMP_LIBRARY AND NOT CMAKE_CROSSCOMPILING)
  target_compile_definitions(unit_cpu PRIVATE R86_HAVE_MPFR)
  target_include_directories(unit_cpu PRIVATE ${R86_MPFR_INCLUDE})
  target_link_libraries(unit_cpu PRIVATE ${R86_MPFR_LIBRARY} ${R86_GMP_LIBRARY})
endif()
