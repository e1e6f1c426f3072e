# Builds our DSDT and boot ROMs, checks the bundled firmware against roms/manifest.txt, and embeds all of them.
find_program(R86_NASM nasm)
find_program(R86_IASL iasl)
if(NOT R86_NASM)
  message(FATAL_ERROR "The boot ROMs need the assembler NASM: install the package 'nasm'.")
endif()
if(NOT R86_IASL)
  message(FATAL_ERROR "The ACPI tables need the compiler iasl: install the package 'acpica-tools'.")
endif()
set(R86_BIOS_FILE /usr/share/seabios/bios-256k.bin CACHE FILEPATH "The BIOS that the program carries")
set(R86_VGABIOS_FILE /usr/share/seabios/vgabios-stdvga.bin CACHE FILEPATH "The VGA BIOS that the program carries")

set(r86_bios_source ${PROJECT_SOURCE_DIR}/bios)
set(r86_bios_build ${PROJECT_BINARY_DIR}/bios)
file(MAKE_DIRECTORY ${r86_bios_build})

foreach(rom linuxboot multiboot)
  add_custom_command(
    OUTPUT ${r86_bios_build}/${rom}.bin
    COMMAND ${R86_NASM} -f bin -I ${r86_bios_source}/ -o ${r86_bios_build}/${rom}.bin ${r86_bios_source}/${rom}.asm
    DEPENDS ${r86_bios_source}/${rom}.asm ${r86_bios_source}/option_rom.inc
    COMMENT "Assembling ${rom}.asm"
    VERBATIM)
endforeach()
add_custom_command(
  OUTPUT ${r86_bios_build}/dsdt.aml
  COMMAND ${R86_IASL} -vs -vw 3168 -p ${r86_bios_build}/dsdt ${r86_bios_source}/dsdt.asl
  DEPENDS ${r86_bios_source}/dsdt.asl
  COMMENT "Compiling dsdt.asl"
  VERBATIM)

# One line of the manifest: name package version sha256 licence.
file(STRINGS ${PROJECT_SOURCE_DIR}/roms/manifest.txt r86_manifest REGEX "^[^#]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/roms/manifest.txt)
function(r86_check_firmware file known_name version_variable sha_variable)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "${file} is missing: install the package 'seabios', or name another ${known_name} with "
                        "-DR86_BIOS_FILE or -DR86_VGABIOS_FILE.")
  endif()
  file(SHA256 ${file} sha)
  set(version "unknown version")
  foreach(line ${r86_manifest})
    if(line MATCHES "^${known_name} +([^ ]+) +([^ ]+) +${sha} ")
      set(version "${CMAKE_MATCH_1} ${CMAKE_MATCH_2}")
    endif()
  endforeach()
  if(version STREQUAL "unknown version")
    message(WARNING "${file} (SHA-256 ${sha}) is no version that roms/manifest.txt knows; it is used all the same.")
  endif()
  set(${version_variable} "${version}" PARENT_SCOPE)
  set(${sha_variable} "${sha}" PARENT_SCOPE)
endfunction()
r86_check_firmware(${R86_BIOS_FILE} bios-256k.bin R86_BIOS_VERSION R86_BIOS_SHA256)
r86_check_firmware(${R86_VGABIOS_FILE} vgabios-stdvga.bin R86_VGABIOS_VERSION R86_VGABIOS_SHA256)

set(R86_EMBED_BUILD ${r86_bios_build})
configure_file(${r86_bios_source}/embedded.cpp.in ${r86_bios_build}/embedded.cpp @ONLY)
set_source_files_properties(
  ${r86_bios_build}/embedded.cpp
  PROPERTIES
    OBJECT_DEPENDS
    "${r86_bios_build}/linuxboot.bin;${r86_bios_build}/multiboot.bin;${r86_bios_build}/dsdt.aml;${R86_BIOS_FILE};${R86_VGABIOS_FILE}"
)
target_sources(bios PRIVATE ${r86_bios_build}/embedded.cpp)
