// Rows of activations in a seeded, shuffled order, from memory or from files larger than it.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/weights/tensor_source.h"

namespace sememe {

// An endless shuffled stream of rows, epoch after epoch, of which any batch can be asked for by its number: what a batch
// holds depends on the seed, the size and the number alone, so that a resumed training needs no more than its step.
// One thread at a time; asking in ascending order is quick.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual int64_t rows() const = 0;  // of one epoch
  virtual int64_t dim() const = 0;
  // Rows `number`·size … of the stream: float32 CPU [size, dim]. Every row comes once an epoch; a batch may span two.
  virtual at::Tensor batch(int64_t number, int64_t size) = 0;
  // For checks that a resumed training has the same rows: of the contents and the seed.
  virtual std::string fingerprint() const = 0;
};

// The rows of `source`, which must outlive it and is read from here alone. At most `memoryBytes` of rows are held: where
// they all fit, the whole matrix is read once and every epoch is a uniformly random order; otherwise each epoch goes
// through pools of half that size, drawn as random runs of 32 rows, and is random within a pool, while a thread reads
// the next one. How well that mixes: of ImageNet's 1,281,167 rows of width 1,024, class by class, a batch of 4,096 then
// has 965 of the 1,000 classes (983 in a uniform order), the number of its rows from one class a variance 1.4 times the
// uniform one's (tests/bench/bench_shuffle).
// Throws Error (Invalid: no rows; what TensorSource throws).
std::unique_ptr<RowSource> shuffledRows(TensorSource& source, uint64_t seed, int64_t memoryBytes = int64_t{2} << 30);

}  // namespace sememe
