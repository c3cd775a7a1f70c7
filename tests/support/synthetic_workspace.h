// A workspace of any size, made up from a seed in seconds: for benchmarks and tests of the store and the
// window.
#pragma once

#include <cstdint>
#include <filesystem>

namespace sememe {

struct SyntheticWorkspace {
  int64_t dataset = 0;
  int64_t run = 0;             // latents, indexed: neurons with columns, statistics, labels
  int64_t embeddings[2] = {};  // two encoders that have scored the run
};

// Makes the workspace `path` (which must not exist) with `neurons` latents over `images` images in up to 100
// classes: every image fires 32 neurons, some neurons often and some never; statistics and strongest images
// follow from those latents; scores have ties and NaN; every 250th neuron has a label. Every image has a
// thumbnail, but no file on disk. The same arguments give the same content. Throws Error as Workspace does;
// Invalid below 64 neurons or 1 image.
SyntheticWorkspace makeSyntheticWorkspace(const std::filesystem::path& path, int64_t neurons, int64_t images,
                                          uint64_t seed);

}  // namespace sememe
