// NumPy's .npy files.
#include "core/weights/npy.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/weights/dtypes.h"

namespace fs = std::filesystem;

namespace sememe {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;
};

// The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. Only that form is read.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : m_rest(text) {}

  // Nothing when the text is of another form. A `descr` that is a list (records) comes back as "[".
  std::optional<Header> parse() {
    Header header;
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!eat('{')) return std::nullopt;
    while (!eat('}')) {
      const auto key = text();
      if (!key || !eat(':')) return std::nullopt;
      if (*key == "descr" && !hasDescr) {
        hasDescr = true;
        if (eat('[')) {
          header.descr = "[";
          return header;
        }
        const auto value = text();
        if (!value) return std::nullopt;
        header.descr = *value;
      } else if (*key == "fortran_order" && !hasOrder) {
        hasOrder = true;
        header.fortran = word("True");
        if (!header.fortran && !word("False")) return std::nullopt;
      } else if (*key == "shape" && !hasShape) {
        hasShape = true;
        if (!shape(header.shape)) return std::nullopt;
      } else {
        return std::nullopt;
      }
      if (!eat(',')) {
        if (!eat('}')) return std::nullopt;
        break;
      }
    }
    skipSpace();
    if (!m_rest.empty() || !hasDescr || !hasOrder || !hasShape) return std::nullopt;
    return header;
  }

 private:
  void skipSpace() {
    const size_t at = m_rest.find_first_not_of(" \t\r\n");
    m_rest.remove_prefix(at == std::string_view::npos ? m_rest.size() : at);
  }

  bool eat(char c) {
    skipSpace();
    if (!m_rest.starts_with(c)) return false;
    m_rest.remove_prefix(1);
    return true;
  }

  bool word(std::string_view expected) {
    skipSpace();
    if (!m_rest.starts_with(expected)) return false;
    m_rest.remove_prefix(expected.size());
    return true;
  }

  std::optional<std::string> text() {
    skipSpace();
    if (m_rest.empty() || (m_rest[0] != '\'' && m_rest[0] != '"')) return std::nullopt;
    const size_t end = m_rest.find(m_rest[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string result(m_rest.substr(1, end - 1));
    m_rest.remove_prefix(end + 1);
    return result;
  }

  bool shape(std::vector<int64_t>& sizes) {
    if (!eat('(')) return false;
    while (!eat(')')) {
      skipSpace();
      int64_t size = -1;
      const auto [end, error] = std::from_chars(m_rest.data(), m_rest.data() + m_rest.size(), size);
      if (error != std::errc() || size < 0 || sizes.size() == 64) return false;
      m_rest.remove_prefix(static_cast<size_t>(end - m_rest.data()));
      word("L");  // Python 2 marked its long numbers
      sizes.push_back(size);
      if (!eat(',')) {
        if (!eat(')')) return false;
        break;
      }
    }
    return true;
  }

  std::string_view m_rest;
};

}  // namespace

at::Tensor readNpy(const fs::path& path) {
  const auto corrupt = [&](const std::string& what) { return Error(ErrorCode::Corrupt, what, path.string()); };
  const auto file = MappedFile::open(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  if (bytes.size() < 12 || !bytes.starts_with(kMagic)) throw corrupt("not a .npy file");
  const int version = static_cast<uint8_t>(bytes[6]);
  if (version < 1 || version > 3)
    throw Error(ErrorCode::Unsupported, "its format version is " + std::to_string(version) + ", 1 to 3 are read",
                path.string());
  const size_t fieldSize = version == 1 ? 2 : 4;
  size_t headerSize = 0;
  for (size_t i = fieldSize; i-- > 0;) headerSize = headerSize << 8 | static_cast<uint8_t>(bytes[8 + i]);
  const size_t start = 8 + fieldSize;
  if (headerSize > bytes.size() - start) throw corrupt("the file ends in its header");
  const auto header = HeaderParser(bytes.substr(start, headerSize)).parse();
  if (!header) throw corrupt("its header is malformed");

  const std::string& descr = header->descr;
  const bool marked = descr.size() > 1 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
  const at::ScalarType type = marked ? dtypeOfNumpy(std::string_view(descr).substr(1)) : at::ScalarType::Undefined;
  if (type == at::ScalarType::Undefined)
    throw Error(ErrorCode::Unsupported,
                descr == "[" ? "it holds records, expected numbers" : "its elements are '" + descr + "', expected numbers",
                path.string());
  const auto size = static_cast<int64_t>(c10::elementSize(type));
  const int64_t numel = checkedNumel(header->shape, size);
  const auto offset = static_cast<int64_t>(start + headerSize), left = static_cast<int64_t>(bytes.size()) - offset;
  if (numel < 0 || numel > left / size)
    throw corrupt("the file has " + std::to_string(left) + " bytes of data, too few for its shape");
  std::vector<int64_t> shape = header->shape;
  if (header->fortran) std::reverse(shape.begin(), shape.end());
  const at::Tensor tensor = mappedTensor(file, offset, type, shape, descr[0] == '>' && size > 1);
  if (!header->fortran) return tensor;
  std::vector<int64_t> axes;
  for (auto i = static_cast<int64_t>(shape.size()); i-- > 0;) axes.push_back(i);
  return tensor.permute(axes);
}

void writeNpy(const fs::path& path, const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided || numpyName(tensor.scalar_type()).empty())
    throw Error(ErrorCode::Invalid,
                tensor.defined() ? "NumPy has no dtype for " + dtypeName(tensor.scalar_type()) + " tensors"
                                 : "the tensor is undefined",
                path.string());
  const at::Tensor data = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous();
  std::string header = "{'descr': '";
  header += data.element_size() == 1 ? '|' : '<';
  header.append(numpyName(data.scalar_type())).append("', 'fortran_order': False, 'shape': (");
  for (const int64_t size : data.sizes()) header += std::to_string(size) + ", ";
  if (data.dim() > 1) header.resize(header.size() - 2);
  if (data.dim() == 1) header.pop_back();
  header += "), }";
  // The data starts at a multiple of 64, after a line feed.
  const size_t before = kMagic.size() + 4;
  header.append((64 - (before + header.size() + 1) % 64) % 64, ' ');
  header += '\n';

  AtomicFile file(path);
  file.write(kMagic);
  const char version[] = {1, 0, static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  file.write(version, sizeof version);
  file.write(header);
  file.write(data.data_ptr(), static_cast<size_t>(data.numel() * data.element_size()));
  file.commit();
}

}  // namespace sememe
