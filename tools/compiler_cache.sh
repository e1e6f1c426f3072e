# Sets compiler_cache (for cmake): ccache in front of the compilers, where it is installed. Sourced by whatever configures.
# The sloppiness is what ccache asks for before it caches the tests' precompiled headers: no source here depends on
# __DATE__ or __TIME__, nor on macros defined behind such a header.
compiler_cache=()
if command -v ccache >/dev/null; then
    compiler_cache=("-DCMAKE_CXX_COMPILER_LAUNCHER=env;CCACHE_SLOPPINESS=pch_defines,time_macros;ccache")
fi
