// Rows to train or validate on, without those of failed images.
#include "core/pipeline/good_rows.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace sememe {

HoldOut HoldOut::ofShare(double share, bool heldOut) {
  if (!(share >= 0 && share <= 0.5))
    throw Error(ErrorCode::Invalid, "expected a share of 0 … 0.5 of the images to hold out", std::to_string(share));
  return share == 0 ? HoldOut{} : HoldOut{.every = std::llround(1 / share), .heldOut = heldOut};
}

std::unique_ptr<GoodRows> GoodRows::open(const std::string& spec, const HoldOut& holdOut, const std::vector<FailedImage>& alsoFailed) {
  return std::unique_ptr<GoodRows>(new GoodRows(RowInput::open(spec), holdOut, alsoFailed));
}

GoodRows::GoodRows(std::unique_ptr<RowInput> input, const HoldOut& holdOut, const std::vector<FailedImage>& alsoFailed)
    : m_input(std::move(input)), m_holdOut(holdOut) {
  const int64_t perImage = m_input->rowsPerImage();
  std::set<int64_t> failed;
  for (const FailedImage& f : m_input->failures()) failed.insert(f.index);
  for (const FailedImage& f : alsoFailed) failed.insert(f.index);
  for (int64_t image = 0; image < imagesOfInput(); ++image) {
    const bool held = holdOut.every > 0 && image % holdOut.every == holdOut.every - 1;
    if (held != holdOut.heldOut || failed.contains(image)) continue;
    const int64_t begin = image * perImage;
    if (!m_ranges.empty() && m_ranges.back().begin + m_ranges.back().count == begin) {
      m_ranges.back().count += perImage;
    } else {
      m_ranges.push_back({begin, perImage});
      m_starts.push_back(m_rows);
    }
    m_rows += perImage;
  }
  if (m_rows == 0) {
    throw Error(ErrorCode::Invalid,
                holdOut.heldOut ? "no image is left to validate on; hold out a larger share" : "every image of these rows failed",
                m_input->spec());
  }
}

at::Tensor GoodRows::read(int64_t begin, int64_t count) {
  if (begin < 0 || count < 0 || begin + count > m_rows) throw Error(ErrorCode::Invalid, "rows outside the matrix", describe());
  at::Tensor rows = at::empty({count, dim()});
  size_t at = rangeOf(begin);
  for (int64_t done = 0; done < count; ++at) {
    const int64_t inside = begin + done - m_starts[at], n = std::min(count - done, m_ranges[at].count - inside);
    rows.narrow(0, done, n).copy_(m_input->read(m_ranges[at].begin + inside, n));
    done += n;
  }
  return rows;
}

size_t GoodRows::rangeOf(int64_t row) const {
  return size_t(std::upper_bound(m_starts.begin(), m_starts.end(), row) - m_starts.begin()) - 1;
}

std::string GoodRows::describe() const {
  return m_input->spec() + " [" + std::to_string(m_rows) + ", " + std::to_string(dim()) + "]";
}

std::string GoodRows::fingerprint() const {
  if (m_holdOut.every == 0) return m_input->fingerprint();
  return Fingerprint().add(m_input->fingerprint()).add(m_holdOut.every).add(int64_t{m_holdOut.heldOut}).hex();
}

std::vector<int64_t> GoodRows::images() const {
  std::vector<int64_t> images;
  for (const RowInput::Range& range : m_ranges) {
    for (int64_t row = range.begin; row < range.begin + range.count; row += rowsPerImage()) images.push_back(row / rowsPerImage());
  }
  return images;
}

}  // namespace sememe
