// Rows to train on, without those of failed images.
#include "core/pipeline/good_rows.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/pipeline/row_input.h"

namespace sememe {

namespace {

class GoodRows final : public TensorSource {
 public:
  explicit GoodRows(std::unique_ptr<RowInput> input) : m_input(std::move(input)), m_ranges(m_input->goodRanges(0, m_input->rows())) {
    for (const RowInput::Range& range : m_ranges) {
      m_starts.push_back(m_rows);
      m_rows += range.count;
    }
    if (m_rows == 0) throw Error(ErrorCode::Invalid, "every image of these rows failed", m_input->spec());
  }

  int64_t rows() const override { return m_rows; }
  int64_t dim() const override { return m_input->dim(); }

  at::Tensor read(int64_t begin, int64_t count) override {
    if (begin < 0 || count < 0 || begin + count > m_rows) throw Error(ErrorCode::Invalid, "rows outside the matrix", describe());
    at::Tensor rows = at::empty({count, dim()});
    size_t at = size_t(std::upper_bound(m_starts.begin(), m_starts.end(), begin) - m_starts.begin()) - 1;
    for (int64_t done = 0; done < count; ++at) {
      const int64_t inside = begin + done - m_starts[at], n = std::min(count - done, m_ranges[at].count - inside);
      rows.narrow(0, done, n).copy_(m_input->read(m_ranges[at].begin + inside, n));
      done += n;
    }
    return rows;
  }

  std::string describe() const override {
    return m_input->spec() + " [" + std::to_string(m_rows) + ", " + std::to_string(dim()) + "]";
  }
  std::string fingerprint() const override { return m_input->fingerprint(); }

 private:
  std::unique_ptr<RowInput> m_input;
  std::vector<RowInput::Range> m_ranges;
  std::vector<int64_t> m_starts;  // where each range begins among the good rows
  int64_t m_rows = 0;
};

}  // namespace

std::unique_ptr<TensorSource> openGoodRows(const std::string& spec) { return std::make_unique<GoodRows>(RowInput::open(spec)); }

}  // namespace sememe
