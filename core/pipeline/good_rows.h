// Rows to train or validate on: those of a tensor argument or a run, without the rows of failed images.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/pipeline/extract.h"
#include "core/pipeline/row_input.h"
#include "core/weights/tensor_source.h"

namespace sememe {

// Which images a view of the rows has: of each `every` images in their order the last one is held out.
struct HoldOut {
  int64_t every = 0;      // 0: none is held out, and `heldOut` must be false
  bool heldOut = false;   // the view has those, or all others

  // For a share of 0 … 0.5 of the images. Throws Error (Invalid).
  static HoldOut ofShare(double share, bool heldOut);
};

// One thread.
class GoodRows final : public TensorSource {
 public:
  // `alsoFailed`: images to leave out besides. Throws Error as RowInput::open() does; Invalid when no row is left.
  static std::unique_ptr<GoodRows> open(const std::string& spec, const HoldOut& holdOut = {},
                                        const std::vector<FailedImage>& alsoFailed = {});

  int64_t rows() const override { return m_rows; }
  int64_t dim() const override { return m_input->dim(); }
  at::Tensor read(int64_t begin, int64_t count) override;
  std::string describe() const override;
  std::string where(int64_t row) const override { return m_input->where(inputRow(row)); }
  std::string fingerprint() const override;

  int64_t rowsPerImage() const { return m_input->rowsPerImage(); }
  int64_t imagesOfInput() const { return m_input->rows() / m_input->rowsPerImage(); }
  // Image of each group of rowsPerImage() rows of this view, as numbered in the input; ascending.
  std::vector<int64_t> images() const;

 private:
  GoodRows(std::unique_ptr<RowInput> input, const HoldOut& holdOut, const std::vector<FailedImage>& alsoFailed);

  size_t rangeOf(int64_t row) const;  // the range that holds it
  int64_t inputRow(int64_t row) const { return m_ranges[rangeOf(row)].begin + row - m_starts[rangeOf(row)]; }

  std::unique_ptr<RowInput> m_input;
  HoldOut m_holdOut;
  std::vector<RowInput::Range> m_ranges;  // of the input's rows, ascending
  std::vector<int64_t> m_starts;          // where each range begins among these rows
  int64_t m_rows = 0;
};

}  // namespace sememe
