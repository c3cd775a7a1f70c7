// Marks a loop to be compiled for several widths of vectors; the widest that the processor has is taken at start-up.
#pragma once

// Under the sanitizers there is one alone: their start-up does not survive the functions that choose.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SEMEME_VECTOR_CLONES __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define SEMEME_VECTOR_CLONES
#endif
